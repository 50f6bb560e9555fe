"""``python -m rpycbench_workers.drive``: one measured run against a server.

Takes an order (`order.parse_drive`) on the first line of stdin, and on the second, once the agent
has opened the recording and the server listens, a target (`order.parse_target`). Events:

* ``{"event": "armed", "recording": "/proc/123/fd/4"}``: see `recording` for what is in it; row
  client * requests + seq
* ``{"event": "driving"}``: connected and warmed up, the measured part starts now
* ``{"event": "driven", "clients": [{"errors": ["..."], "connections_opened": 0}], "bytes_out": 0,
  "round_trips_per_call": 2.0}``, then exit code 0; clients in order, `bytes_out` for one call;
  when stamped, each client has also what `stack.Pairing` holds: ``"port": 40000, "first": 7,
  "each": 3, "waited": 2, "unpaired": null``
* ``{"event": "failed", "phase": "order" | "import" | "recording" | "connect" | "warm-up" | "drive",
  "reason": "..."}``, then exit code 1
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from . import lifetime
from .closed import Outcome
from .events import Events, Failure
from .order import Closed, Connect, Drive, OrderError, Target, parse_drive, parse_target
from .reasons import describe
from .recording import Recording
from .stack import Stack

_Order = TypeVar("_Order")


def main() -> int:
    """Carry out one order and return the exit code."""
    lifetime.ignore_interrupts()
    events = Events.instead_of_stdout()
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    try:
        order = _parsed(parse_drive, line)
        # Imported now, for the target may be waited for but the start of a run may not.
        stack = _stack(order)
        recording = Recording(_rows(order.workload))
        try:
            events.emit("armed", recording=recording.path)
            line = sys.stdin.buffer.readline()
            if line:
                _drive(order, stack(_parsed(parse_target, line)), recording, events)
        finally:
            recording.close()
    except Failure as failure:
        events.failed(failure)
        return 1
    return 0


def _drive(order: Drive, stack: Stack, recording: Recording, events: Events) -> None:
    """Run the workload and tell of it."""
    workload = order.workload

    def driving() -> None:
        events.emit("driving")

    def driven(outcomes: list[Outcome]) -> None:
        round_trips = sum(outcome.traffic.round_trips for outcome in outcomes)
        events.emit(
            "driven",
            clients=[
                {
                    "errors": outcome.errors,
                    "connections_opened": outcome.traffic.connections_opened,
                    **(asdict(outcome.pairing) if order.stamped else {}),
                }
                for outcome in outcomes
            ],
            bytes_out=0,  # a ping has no payload
            round_trips_per_call=round_trips / _rows(workload),
        )

    if isinstance(workload, Connect):
        from . import connect

        connect.run(stack, workload, recording, driving, driven)
        return
    try:
        stack.prepare_calls()
    except Exception as error:
        raise Failure("connect", describe(error)) from None
    if workload.client_model == "processes":
        from . import in_processes

        lifetime.tie_children()
        in_processes.run(stack, workload, recording, driving, driven)
    else:
        from . import in_threads

        in_threads.run(stack, workload, recording, driving, driven)


def _stack(order: Drive) -> Callable[[Target], Stack]:
    """Import what the order needs; return how to make it once the target is known."""
    timeout_s, stamped = order.timeout_s, order.stamped
    try:
        if order.stack == "rpyc":
            from .drive_rpyc import RpycStack

            call = order.workload.call if isinstance(order.workload, Closed) else "attribute"
            return lambda target: RpycStack(target, timeout_s, call, stamped=stamped)
        from .drive_requests import RequestsStack

        return lambda target: RequestsStack(target, timeout_s, stamped=stamped)
    except ImportError as error:
        raise Failure("import", str(error)) from None


def _rows(workload: Connect | Closed) -> int:
    """Return how many samples the workload takes."""
    if isinstance(workload, Connect):
        return workload.count
    return workload.clients * workload.requests


def _parsed(parse: Callable[[bytes], _Order], line: bytes) -> _Order:
    try:
        return parse(line)
    except OrderError as error:
        raise Failure("order", str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
