"""``python -m tests.measure_overhead``: what the closed loop adds to each call, in nanoseconds.

The loop and the least that any script must do (stamp, call, stamp) take turns on a call that does
nothing; each turn is one figure per call, and pairs of turns are compared, so that a machine that
speeds up or slows down does so for both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from rpycbench_workers.closed import record_calls
from rpycbench_workers.drive_rpyc import pong_size
from rpycbench_workers.reasons import Reasons
from rpycbench_workers.recording import ROW_BYTES, Recording
from rpycbench_workers.stack import Pairing, Traffic

CALLS = 20_000
TURNS = 101


class Nothing:
    """A client whose call does nothing, and whose replies are checked as RPyC's are."""

    def __init__(self) -> None:
        self.call: Callable[[], Any] = nothing
        self.size: Callable[[Any], int] = pong_size
        self.opened_port: Callable[[], int] | None = None

    def start_counting(self) -> None:
        """Count nothing."""

    def traffic(self, calls: int) -> Traffic:
        """Return none."""
        return Traffic(0, 0.0)

    def pairing(self, calls: int, *, failed: bool) -> Pairing:
        """Return that no server has a row of these."""
        return Pairing(None, 0, 0, 0)

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect from nothing."""


def nothing() -> Any:
    """Return what a ping does."""
    return "pong"


def bare(calls: int) -> None:
    """Stamp, call and stamp, and keep nothing."""
    call = nothing
    for _ in range(calls):
        _start = time.monotonic_ns()
        call()
        _end = time.monotonic_ns()


def main() -> None:
    """Print the figures."""
    recording = Recording(CALLS)
    client = Nothing()
    bare_ns: list[float] = []
    loop_ns: list[float] = []
    for _ in range(TURNS):
        before = time.perf_counter_ns()
        bare(CALLS)
        between = time.perf_counter_ns()
        record_calls(client, recording, 0, CALLS, Reasons())
        after = time.perf_counter_ns()
        bare_ns.append((between - before) / CALLS)
        loop_ns.append((after - between) / CALLS)
    added = [loop - least for loop, least in zip(loop_ns, bare_ns, strict=True)]
    inside = [end - start for start, end in _intervals(recording)]
    print(f"a turn: {CALLS} calls, {TURNS} turns each, taking turns; ns per call")
    for name, figures in (("bare loop", bare_ns), ("closed loop", loop_ns), ("added", added)):
        low, middle, high = statistics.quantiles(figures, n=4)
        print(
            f"{name:12} least {min(figures):6.0f}  quartiles {low:6.0f} {middle:6.0f} {high:6.0f}"
        )
    print(f"an interval around nothing: median {statistics.median(inside):.0f}")


def _intervals(recording: Recording) -> list[tuple[int, int]]:
    rows = memoryview(recording.memory).cast("q")
    return [(rows[at], rows[at + 1]) for at in range(0, len(rows), ROW_BYTES // 8)]


if __name__ == "__main__":
    main()
