"""The closed loop: one client, one call at a time, each stamped just before and just after."""

from __future__ import annotations

from dataclasses import dataclass

from .clock import CLOCK, now
from .events import Failure
from .reasons import Reasons, WrongReply, describe
from .recording import CALL, PORT, PORT_AT, ROW_BYTES, Recording
from .stack import Client, Pairing, Stack, Traffic


@dataclass(frozen=True)
class Outcome:
    """What one client brings home besides its rows; `errors` are the reasons that these name."""

    errors: list[str]
    traffic: Traffic
    pairing: Pairing


def ready_client(stack: Stack, warmup: int) -> Client:
    """Return a client, connected and `warmup` calls old.

    Raises:
        Failure: phase "connect" or "warm-up".
    """
    try:
        client = stack.client()
    except Exception as error:
        raise Failure("connect", describe(error)) from None
    try:
        for _ in range(warmup):
            client.size(client.call())
    except Exception as error:
        client.close(peer_answers=False)
        raise Failure("warm-up", describe(error)) from None
    return client


def drive(client: Client, recording: Recording, first_row: int, requests: int) -> Outcome:
    """Make `requests` calls, one row each from `first_row` on. A failed call is not repeated."""
    reasons = Reasons()
    client.start_counting()
    record_calls(client, recording, first_row, requests, reasons)
    pairing = client.pairing(requests, failed=bool(reasons.texts))
    return Outcome(reasons.texts, client.traffic(requests), pairing)


def record_calls(
    client: Client, recording: Recording, first_row: int, requests: int, reasons: Reasons
) -> None:
    """Make the calls of `drive`; nothing here that need not be, for it runs between calls."""
    memory = recording.memory
    store = CALL.pack_into
    stamp = now
    clock = CLOCK
    call = client.call
    size = client.size
    opened_port = client.opened_port
    for offset in range(first_row * ROW_BYTES, (first_row + requests) * ROW_BYTES, ROW_BYTES):
        end = 0
        reply = None  # or the one before would be freed inside the interval
        start = stamp(clock)
        try:
            reply = call()
            end = stamp(clock)
            store(memory, offset, start, end, 0, size(reply))
        except Exception as error:
            end = end or stamp(clock)
            received = error.size if isinstance(error, WrongReply) else 0
            store(memory, offset, start, end, reasons.status(error), received)
        if opened_port is not None:
            PORT.pack_into(memory, offset + PORT_AT, opened_port())
