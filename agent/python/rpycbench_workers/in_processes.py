"""Closed-loop clients in a forked process each, so that they share no interpreter."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from .closed import Outcome, drive, ready_client
from .events import Failure
from .order import Closed
from .recording import Recording
from .stack import Stack


class Gate:
    """Opens once, for all processes that wait at it; also when the one that holds it shut dies."""

    def __init__(self) -> None:
        """Start shut."""
        self._waiting_end, self._holding_end = os.pipe()

    def let_go(self) -> None:
        """Stop holding: every forked process does so first, or the gate would never open."""
        os.close(self._holding_end)

    open = let_go

    def wait(self) -> None:
        """Wait until nobody holds the gate."""
        os.read(self._waiting_end, 1)


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
        Failure: a client could not connect or warm up (the others have not driven either), or its
            process died (phase "drive").
    """
    fork = multiprocessing.get_context("fork")
    start, finish = Gate(), Gate()
    processes = []
    pipes: list[Connection[Any, Any]] = []
    try:
        for index in range(workload.clients):
            ours, theirs = fork.Pipe(duplex=False)
            process = fork.Process(
                target=_one,
                args=(stack, workload, recording, index, theirs, start, finish),
                daemon=True,  # does not outlive a run that failed
            )
            process.start()
            theirs.close()  # so that the end of the process ends the pipe
            processes.append(process)
            pipes.append(ours)
        for index, pipe in enumerate(pipes):
            _receive(index, pipe)
        driving()
        start.open()
        driven([_receive(index, pipe) for index, pipe in enumerate(pipes)])
        finish.open()
    except BaseException:
        for process in processes:
            process.kill()
        raise
    finally:
        for process in processes:
            process.join()


def _one(
    stack: Stack,
    workload: Closed,
    recording: Recording,
    index: int,
    pipe: Connection[Any, Any],
    start: Gate,
    finish: Gate,
) -> None:
    """Be client `index`: send None when ready, then an Outcome; or a Failure's phase and reason."""
    start.let_go()
    finish.let_go()
    first_row = index * workload.requests
    try:
        client = ready_client(stack, workload.warmup)
    except Failure as failure:
        pipe.send((failure.phase, failure.reason))
        return
    recording.touch(first_row, workload.requests)
    pipe.send(None)
    start.wait()
    outcome = drive(client, recording, first_row, workload.requests)
    pipe.send(outcome)
    finish.wait()
    client.close(peer_answers=not outcome.errors)


def _receive(index: int, pipe: Connection[Any, Any]) -> Any:
    try:
        message = pipe.recv()
    except EOFError:
        raise Failure("drive", f"the process of client {index} died") from None
    if isinstance(message, tuple):
        raise Failure(*message)
    return message
