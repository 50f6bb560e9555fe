"""Reads what `report --format json,csv,hgrm` has made of a run, with libraries that are not ours.

Usage: exports.py RUN_DIR RESULTS_SCHEMA. Prints how much was compared as one line of JSON; ends
with 1 and a sentence at the first thing that is not as it should be.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
KEY = ["topology", "server", "workload", "driver"]
# Three significant digits: a bucket is a two-thousandth of its value wide.
PRECISION = 1e-3

Key = tuple[str, ...]
Json = dict[str, Any]

# From version 3 on, read_csv() reads numbers as they were written, and has no choice.
EXACT: Json = {"float_precision": "round_trip"} if pd.__version__.startswith("2.") else {}


class Wrong(Exception):
    """Something is not as it should be."""


def expect(holds: bool, what: str) -> None:
    """Complain unless something holds."""
    if not holds:
        raise Wrong(what)


def schema(results: Json, path: Path) -> None:
    """The schema allows the results, and what is broken in them it does not."""
    validator = jsonschema.Draft202012Validator(json.loads(path.read_text()))
    validator.check_schema(validator.schema)
    errors = [error.message for error in validator.iter_errors(results)]
    expect(not errors, f"the schema refuses results.json: {errors[:1]}")
    broken: list[Json] = [
        {"schema": "1"},
        {"complete": None},
        {"cells": [{}]},
        {"comparisons": {}},
        {"cells": [dict(cell, count=-1) for cell in results["cells"][:1]] or [{}]},
        {"cells": [dict(cell, mean="1") for cell in results["cells"][:1]] or [{}]},
        {"cells": [dict(cell, verdict="fine") for cell in results["cells"][:1]] or [{}]},
    ]
    for breaking in broken:
        expect(not validator.is_valid({**results, **breaking}), f"the schema allows {breaking}")
    for field in results:
        without = {name: value for name, value in results.items() if name != field}
        expect(not validator.is_valid(without), f"the schema does without {field}")


def histograms(path: Path) -> dict[Key, dict[int, HdrHistogram]]:
    """The histogram of each block of each cell."""
    reader = HistogramLogReader(str(path), HdrHistogram(1, 2**62, 3))
    found: dict[Key, dict[int, HdrHistogram]] = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        *key, block = histogram.get_tag().split("/")
        found.setdefault(tuple(key), {})[int(block.removeprefix("b"))] = histogram
    return found


def samples(run: Path) -> dict[Key, dict[int, list[int]]]:
    """The successful durations of each block of each cell, in the order of their starts."""
    found: dict[Key, dict[int, list[int]]] = {}
    for cell in json.loads((run / "run.json").read_text())["cells"]:
        path = run / cell["samples"]
        if cell["stored"] == 0 or not path.exists():
            continue
        try:
            table = pq.read_table(path).to_pandas()
        except pa.ArrowInvalid:
            continue
        table = table[table["ok"]].sort_values("start_ns", kind="stable")
        key = tuple(cell[name] for name in KEY)
        durations = (table["end_ns"] - table["start_ns"]).tolist()
        found.setdefault(key, {})[cell["block"]] = durations
    return found


def kept(blocks: dict[int, list[int]], counted: dict[int, HdrHistogram], cut: int) -> list[int]:
    """The samples that are in the figures: of a block those after its warm-up."""
    durations: list[int] = []
    for block, all_of_it in blocks.items():
        count = counted[block].get_total_count() if block in counted else 0
        cut -= len(all_of_it) - count
        durations += all_of_it[len(all_of_it) - count :]
    expect(cut == 0, f"histograms lack {-cut} samples more than were cut as warm-up")
    return sorted(durations)


def figures(cell: Json, durations: list[int]) -> None:
    """Percentiles are those of numpy to the last bit, and the mean is that of whole numbers."""
    if not durations:
        expect(all(cell[name] is None for name in QUANTILES), "there are figures of no samples")
        return
    for name, quantile in QUANTILES.items():
        # Of 99.9 percentile() makes 0.9990000000000001.
        ours, theirs = cell[name], float(np.quantile(np.array(durations), quantile))
        expect(ours == theirs, f"{name} is {ours!r}, and {theirs!r} of numpy")
    expect(math.isclose(cell["mean"], sum(durations) / len(durations), rel_tol=1e-15), "the mean")
    expect((cell["min"], cell["max"]) == (durations[0], durations[-1]), "the shortest and longest")


def in_histogram(histograms_of: dict[int, HdrHistogram], durations: list[int]) -> None:
    """Percentiles of all blocks' histograms are those of the samples within their precision."""
    if not durations:
        expect(not histograms_of, "there are histograms of no samples")
        return
    merged = HdrHistogram(1, max(durations[-1], 2), 3)
    for histogram in histograms_of.values():
        merged.add(histogram)
    expect(merged.get_total_count() == len(durations), "the histograms have other samples")
    for name, quantile in QUANTILES.items():
        percentile = quantile * 100
        # The library's own rank, to the nearest.
        place = max(int(percentile * len(durations) / 100 + 0.5), 1) - 1
        exact, read = durations[place], merged.get_value_at_percentile(percentile)
        expect(abs(read - exact) <= PRECISION * exact + 1, f"{name} is {read} for {exact}")


def same(ours: object, theirs: object) -> bool:
    """Whether a value of a table is that of results.json; what does not exist is empty."""
    if isinstance(ours, str) and ours.startswith(("=", "+", "-", "@")):
        # A spreadsheet must not take it for a formula.
        return theirs == f"'{ours}"
    if ours is None or ours == "":
        return theirs == "" or (isinstance(theirs, float) and math.isnan(theirs))
    return bool(ours == theirs)


def tables(run: Path, results: Json) -> int:
    """Both tables have the figures of results.json. Returns how many were compared."""
    compared = 0
    for name, rows in [("cells", results["cells"]), ("comparisons", results["comparisons"])]:
        path = run / f"{name}.csv"
        text = path.read_bytes()
        expect(
            text.count(b"\r\n") >= len(rows) + 1, f"{name}.csv does not end its lines with CR LF"
        )
        with path.open(newline="") as file:
            widths = {len(row) for row in csv.reader(file, strict=True)}
        expect(len(widths) == 1, f"{name}.csv has rows of {widths} fields")
        table = pd.read_csv(path, **EXACT)
        expect(len(table) == len(rows), f"{name}.csv has {len(table)} rows for {len(rows)}")
        for number, row in enumerate(rows):
            for field, value in flat(row).items():
                found = table[field].iloc[number]
                expect(same(value, found), f"{name}.csv: {field} is {found!r} for {value!r}")
                compared += 1
    return compared


def flat(row: Json) -> Json:
    """A cell or comparison, with a name for each of its figures."""
    fields: Json = {}
    for name, value in row.items():
        if name == "ci95":
            for metric, ends in value.items():
                fields |= ends_of(f"{metric}_ci95", ends)
        elif name in ("difference_ci95", "ratio_ci95"):
            fields |= ends_of(name, value)
        elif name == "no_interval":
            fields |= {f"{metric}_no_interval": why for metric, why in value.items()}
        elif name == "unpaired":
            fields |= {f"unpaired_{why}": count for why, count in value.items()}
        elif name == "parts":
            for part, figures_of in value.items():
                for figure in ("count", "mean", "p50", "p99"):
                    fields[f"{part}_{figure}"] = figures_of[figure]
                for figure in ("p50", "p99"):
                    ends = (figures_of.get("range") or {}).get(figure)
                    fields |= ends_of(f"{part}_{figure}", ends)
        elif name == "conditions":
            fields["driver_busy"] = value["driver_busy"]
            for role in ("driving", "serving"):
                for figure in ("stolen", "others", "throttled"):
                    fields[f"{role}_{figure}"] = value[role][figure]
                fields |= ends_of(f"{role}_khz", value[role]["khz"])
        elif name == "reasons":
            fields[name] = "\n".join(value)
        else:
            fields[name] = value
    return fields


def ends_of(name: str, ends: list[float] | None) -> Json:
    """The ends of an interval, each by its name."""
    low, high = ends or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def check(run: Path, schema_path: Path) -> Json:
    """Read everything, and say how much it was."""
    results = json.loads((run / "results.json").read_text())
    schema(results, schema_path)
    read, counted = samples(run), histograms(run / "histograms.hlog")
    total = 0
    for cell in results["cells"]:
        key = tuple(cell[name] for name in KEY)
        durations = kept(read.get(key, {}), counted.get(key, {}), cell["warmup_cut"])
        try:
            figures(cell, durations)
            in_histogram(counted.get(key, {}), durations)
        except Wrong as wrong:
            raise Wrong(f"{'/'.join(key)}: {wrong}") from wrong
        total += len(durations)
    return {"cells": len(results["cells"]), "samples": total, "fields": tables(run, results)}


if __name__ == "__main__":
    try:
        print(json.dumps(check(Path(sys.argv[1]), Path(sys.argv[2]))))
    except Wrong as wrong:
        sys.exit(str(wrong))
