"""Writes what the two programs are made of: a CycloneDX 1.5 bill of materials and a list of licences.

Crates come from `cargo metadata` (what is compiled in or runs while building, not what only tests use) with the checksums of
Cargo.lock; Python libraries that an agent installs come from the locks in agent/python/requirements, and their licences from
the environment this runs in, where they are installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("rpycbench-agent", "rpycbench-controller")
LOCKS = ("rpyc.txt", "http.txt")
TARGET = "x86_64-unknown-linux-gnu"


def crates() -> list[dict[str, Any]]:
    """Every crate in the programs, without the workspace's own."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock["package"]}
    waiting = [id for id, package in packages.items() if package["name"] in PROGRAMS]
    seen: set[str] = set()
    while waiting:
        id = waiting.pop()
        if id in seen:
            continue
        seen.add(id)
        for dependency in nodes[id]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    found = []
    for package in (packages[id] for id in seen if packages[id]["source"]):
        name, version = package["name"], package["version"]
        # Before SPDX expressions, alternatives were set apart with a slash.
        licence = (package["license"] or "").replace("/", " OR ")
        hashes = [checksum] if (checksum := checksums.get((name, version))) else []
        found.append(component(f"pkg:cargo/{name}@{version}", name, version, licence, hashes))
    return found


def libraries() -> list[dict[str, Any]]:
    """Every Python library that an agent may install."""
    found = {}
    for lock in LOCKS:
        text = (ROOT / "agent/python/requirements" / lock).read_text().replace("\\\n", " ")
        for line in text.splitlines():
            if match := re.match(r"([A-Za-z0-9_.-]+)==([^ ;]+)", line):
                name, version = match.groups()
                hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", line)
                purl = f"pkg:pypi/{name.lower()}@{version}"
                found[purl] = component(purl, name, version, installed_licence(name), hashes)
    return list(found.values())


def installed_licence(name: str) -> str:
    """What an installed library says of its licence; empty where it is not installed or says nothing."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    return classifiers[0].rsplit(" :: ", 1)[-1] if classifiers else ""


def component(purl: str, name: str, version: str, licence: str, hashes: list[str]) -> dict[str, Any]:
    """A component as CycloneDX has it."""
    entry: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if licence:
        is_spdx = purl.startswith("pkg:cargo/") or " " not in licence
        entry["licenses"] = [{"expression": licence}] if is_spdx else [{"license": {"name": licence}}]
    if hashes:
        entry["hashes"] = [{"alg": "SHA-256", "content": content} for content in hashes]
    return entry


def main(folder: Path) -> None:
    """Writes both files into the folder."""
    components = sorted(crates() + libraries(), key=lambda entry: entry["purl"])
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    # The same parts make the same bill: its number comes from them.
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "rpycbench", "version": version}},
        "components": components,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rpycbench.cdx.json").write_text(json.dumps(bill, indent=2) + "\n")
    by_licence: dict[str, list[str]] = {}
    for entry in components:
        licence = entry.get("licenses", [{}])[0]
        words = licence.get("expression") or licence.get("license", {}).get("name") or "not said"
        by_licence.setdefault(words, []).append(f"{entry['name']} {entry['version']}")
    lines = [f"{licence}\n  " + "\n  ".join(names) for licence, names in sorted(by_licence.items())]
    (folder / "licences.txt").write_text("\n\n".join(lines) + "\n")
    print(f"{len(components)} components, {len(by_licence)} licences: {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
