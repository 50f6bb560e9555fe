"""Connections, one after the other: from before the socket exists until it can carry a call."""

from __future__ import annotations

from collections.abc import Callable

from .clock import CLOCK, now
from .closed import Outcome
from .events import Failure
from .order import Connect
from .reasons import Reasons, describe
from .recording import CONNECTION, ROW_BYTES, Recording
from .stack import Pairing, Stack, Traffic


def run(
    stack: Stack,
    workload: Connect,
    recording: Recording,
    driving: Callable[[], None],
    driven: Callable[[list[Outcome]], None],
) -> None:
    """Open and close `workload.count` connections; `driving` is called before the first of them.

    Raises:
        Failure: phase "connect" or "warm-up": a connection before these could not be opened.
    """
    try:
        opening = stack.open_unrecorded()
    except Exception as error:
        raise Failure("connect", describe(error)) from None
    try:
        for _ in range(workload.warmup):
            stack.open_unrecorded()
    except Exception as error:
        raise Failure("warm-up", describe(error)) from None
    driving()
    reasons = Reasons()
    opened = record_connections(stack, recording, workload.count, reasons)
    traffic = Traffic(opened, workload.count * opening.round_trips)
    # All it takes is waited for, and nothing has been sent before.
    pairing = Pairing(port=None, first=0, each=opening.requests, waited=opening.requests)
    driven([Outcome(reasons.texts, traffic, pairing)])


def record_connections(stack: Stack, recording: Recording, count: int, reasons: Reasons) -> int:
    """Open `count` connections, a row each; return how many TCP connections there were."""
    memory = recording.memory
    store = CONNECTION.pack_into
    stamp = now
    clock = CLOCK
    stamped = stack.stamped
    opened = 0
    for offset in range(0, count * ROW_BYTES, ROW_BYTES):
        connection = None
        tcp_start = tcp_end = status = port = 0
        start = stamp(clock)
        try:
            connection = stack.connection()
            tcp_start = stamp(clock)
            connection.connect()
            tcp_end = stamp(clock)
            connection.make_ready()
            end = stamp(clock)
        except Exception as error:
            end = stamp(clock)
            status = reasons.status(error)
        if stamped and connection is not None:
            port = connection.port()
        store(memory, offset, start, end, status, 0, tcp_start, tcp_end, port)
        opened += tcp_end != 0
        if connection is not None:
            connection.close(peer_answers=status == 0)
    return opened
