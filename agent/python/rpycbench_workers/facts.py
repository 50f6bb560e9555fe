"""``python -m rpycbench_workers.facts``: one JSON line on what would be measured here.

``{"python": "3.11.7", "implementation": "CPython", "packages": {"rpyc": "6.0.2", ...}}``, with
every installed distribution under its normalised name (lower case, ``-``), sorted.
"""

from __future__ import annotations

import json
import platform
import re
from importlib.metadata import distributions


def facts() -> dict[str, object]:
    """Return the interpreter and the distributions of this environment."""
    # The first of a name is the one that an import finds.
    packages: dict[str, str] = {}
    for found in distributions():
        name = found.metadata["Name"]
        if name:  # a half-removed distribution has none
            packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), found.version)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "packages": dict(sorted(packages.items())),
    }


if __name__ == "__main__":
    print(json.dumps(facts()), flush=True)
