"""``python -m tests.measure_stamping``: what calls take longer when the server stamps them.

In each round every kind of server is started anew: twice without stamps, once with, and for HTTP
once more with, driven by a client that notes its ports. They take turns, a batch of calls each; a
ratio is that of the medians of all calls of a round to those of the first, and of their fastest
tenths, which a busy host disturbs less. The second one without stamps tells how much of a ratio is
chance.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rpycbench_workers.closed import ready_client, record_calls
from rpycbench_workers.drive_requests import RequestsStack
from rpycbench_workers.drive_rpyc import RpycStack
from rpycbench_workers.order import Target
from rpycbench_workers.reasons import Reasons
from rpycbench_workers.recording import ROW_BYTES, Recording
from rpycbench_workers.stack import Client, Stack

ROUNDS = 8
TURNS = 8
CALLS = 100
WARMUP = 50
HERE = Path(__file__).resolve().parent.parent


class Kind(NamedTuple):
    """What is served and how it is called."""

    name: str
    stack: str
    mode: str
    client: Callable[[Target, bool], Stack]


class Variant(NamedTuple):
    """A server with stamps or without, and whether its client notes what they need."""

    name: str
    stamps: bool
    notes: bool


KINDS = [
    Kind(
        f"rpyc {mode} {call}",
        "rpyc",
        mode,
        lambda target, notes, call=call: RpycStack(target, 30.0, call, stamped=notes),  # type: ignore[misc]
    )
    for mode in ("threaded", "forking")
    for call in ("bound", "attribute")
] + [
    Kind(
        "flask threaded",
        "flask",
        "threaded",
        lambda target, notes: RequestsStack(target, 30.0, stamped=notes),
    )
]
PLAIN = Variant("plain", stamps=False, notes=False)
VARIANTS = [
    PLAIN,
    Variant("plain again", stamps=False, notes=False),
    Variant("stamped", stamps=True, notes=False),
    Variant("stamped, noted", stamps=True, notes=True),
]


def start(kind: Kind, variant: Variant) -> tuple[subprocess.Popen[bytes], Client]:
    """Start a server; return it and a client, connected and warm."""
    server = subprocess.Popen(
        [sys.executable, "-m", "rpycbench_workers.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=HERE,
    )
    order: dict[str, Any] = {
        "stack": kind.stack,
        "mode": kind.mode,
        "address": "127.0.0.1",
        "port": 0,
    }
    if variant.stamps:
        order["stamps"] = {"connections": 2, "each": 3 * (TURNS * CALLS + WARMUP + 10)}
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps(order).encode() + b"\n")
    server.stdin.flush()
    target = Target("127.0.0.1", json.loads(server.stdout.readline())["port"])
    return server, ready_client(kind.client(target, variant.notes), WARMUP)


class Round(NamedTuple):
    """One variant in one round, in microseconds."""

    median: float
    fast: float  # nine of ten calls take longer


def measure(kind: Kind, variants: list[Variant], recording: Recording) -> list[Round]:
    """Measure one round, all variants in turns."""
    started = [start(kind, variant) for variant in variants]
    taken: list[list[int]] = [[] for _ in variants]
    rows = memoryview(recording.memory).cast("q")
    fields = ROW_BYTES // 8
    for turn in range(TURNS):
        # Who goes first changes, lest one always follows the same other.
        for place in range(len(variants)):
            index = (place + turn) % len(variants)
            record_calls(started[index][1], recording, 0, CALLS, Reasons())
            taken[index] += [rows[at + 1] - rows[at] for at in range(0, CALLS * fields, fields)]
    for server, client in started:
        client.close(peer_answers=True)
        server.terminate()
        server.wait()
    return [
        Round(statistics.median(figures) / 1000, statistics.quantiles(figures, n=10)[0] / 1000)
        for figures in taken
    ]


def main() -> None:
    """Print the figures."""
    recording = Recording(CALLS)
    print(f"{ROUNDS} rounds of {TURNS} x {CALLS} calls; load {os.getloadavg()[0]:.1f}")
    for kind in KINDS:
        variants = VARIANTS if kind.stack == "flask" else VARIANTS[:3]
        rounds = [measure(kind, variants, recording) for _ in range(ROUNDS)]
        plain_us = statistics.median(figures[0].median for figures in rounds)
        print(f"{kind.name}: plain {plain_us:.1f} us; load {os.getloadavg()[0]:.1f}")
        for index, variant in enumerate(variants):
            if variant is not PLAIN:
                compared = [(figures[index], figures[0]) for figures in rounds]
                median = compare([(ours.median, plain.median) for ours, plain in compared])
                fast = compare([(ours.fast, plain.fast) for ours, plain in compared])
                print(f"  {variant.name:15} median {median}; fast {fast}")


def compare(pairs: list[tuple[float, float]]) -> str:
    """Return how the first of each pair compares with the second."""
    low, middle, high = statistics.quantiles([ours / other for ours, other in pairs], n=4)
    added = statistics.median(ours - other for ours, other in pairs)
    return f"x{middle:.4f} ({low:.4f} to {high:.4f}) {added:+.2f} us"


if __name__ == "__main__":
    main()
