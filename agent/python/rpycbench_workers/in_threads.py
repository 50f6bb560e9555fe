"""Closed-loop clients in the threads of this process, as the published study had them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .closed import Outcome, drive, ready_client
from .events import Failure
from .order import Closed
from .recording import Recording
from .stack import Client, Stack


def run(
    stack: Stack,
    workload: Closed,
    recording: Recording,
    driving: Callable[[], None],
    driven: Callable[[list[Outcome]], None],
) -> None:
    """Drive all clients from one instant; `driving` is called then, `driven` when all are done.

    Connections stay open until then, lest closing one disturbs those still measured.

    Raises:
        Failure: a client could not connect or warm up; the others have not driven either.
    """
    if workload.clients == 1:
        # No other thread: nothing contends for the interpreter, as in a plain script.
        client = ready_client(stack, workload.warmup)
        driving()
        outcomes = [drive(client, recording, 0, workload.requests)]
        clients: list[Client | None] = [client]
    else:
        clients, outcomes = _at_once(stack, workload, recording, driving)
    driven(outcomes)
    for client_or_none, outcome in zip(clients, outcomes, strict=True):
        if client_or_none is not None:
            client_or_none.close(peer_answers=not outcome.errors)


def _at_once(
    stack: Stack, workload: Closed, recording: Recording, driving: Callable[[], None]
) -> tuple[list[Client | None], list[Outcome]]:
    clients: list[Client | None] = [None] * workload.clients
    outcomes: list[Outcome | None] = [None] * workload.clients
    failures: list[BaseException] = []
    # The last thread to arrive runs `driving`, and only then are the others let go.
    barrier = threading.Barrier(workload.clients, action=driving)

    def one(index: int) -> None:
        try:
            clients[index] = client = ready_client(stack, workload.warmup)
            barrier.wait()
            outcomes[index] = drive(client, recording, index * workload.requests, workload.requests)
        except threading.BrokenBarrierError:
            pass  # another client could not start
        except BaseException as error:  # to be raised again in the main thread
            failures.append(error)
            barrier.abort()

    threads = [
        # Daemons: none of them may keep a failed run from ending.
        threading.Thread(target=one, args=(index,), daemon=True)
        for index in range(workload.clients)
    ]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError as error:  # no more threads to be had
        barrier.abort()
        raise Failure("connect", str(error)) from None
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return clients, [outcome for outcome in outcomes if outcome is not None]
