"""Start workers and other processes the way the agent does, and talk to them in JSON lines."""

from __future__ import annotations

import json
import mmap
import struct
import subprocess
import sys
import threading
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE_S = 60.0
"""After so many seconds a process is killed, so that a test fails instead of hanging."""

HERE = Path(__file__).resolve().parent.parent


class Row(NamedTuple):
    """One sample, as documented in `rpycbench_workers.recording`."""

    start: int
    end: int
    status: int
    bytes_in: int
    tcp_start: int
    tcp_end: int
    port: int = 0


class Stamp(NamedTuple):
    """One request on the server's side, as documented in `rpycbench_workers.stamps`."""

    port: int
    received: int
    answered: int


class Worker:
    """A Python module running in a process of its own, until the test ends at the latest."""

    def __init__(self, test: unittest.TestCase, module: str, *arguments: str) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=HERE,
        )
        # Read all along, lest a worker that complains a lot blocks.
        self._stderr: list[bytes] = []
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()
        self._watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        test.addCleanup(self._clean_up)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self._stderr.extend(lines)

    def _clean_up(self) -> None:
        self._watchdog.cancel()
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def order(self, order: object) -> None:
        """Send one line."""
        self.send(json.dumps(order).encode() + b"\n")

    def send(self, line: bytes) -> None:
        """Send bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def end_of_orders(self) -> None:
        """Close its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def line(self) -> bytes:
        """Return the next line of its stdout."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"ended with {self.process.wait()}, saying {self.stderr()!r}")
        return line

    def event(self, name: str) -> dict[str, Any]:
        """Return the next event, which has to be `name`."""
        line = self.line()
        event = json.loads(line)
        if event.pop("event") != name:
            raise AssertionError(f"expected {name}, got {line!r}")
        assert isinstance(event, dict)
        return event

    def end(self) -> int:
        """Wait for it to end, with nothing more on stdout, and return the exit code."""
        assert self.process.stdout is not None
        rest = self.process.stdout.read()
        if rest:
            raise AssertionError(f"more on stdout: {rest!r}")
        return self.process.wait()

    def stderr(self) -> str:
        """Return what it wrote on stderr until its end."""
        self.process.wait()
        self._reader.join(PATIENCE_S)
        return b"".join(self._stderr).decode()


class Samples:
    """A recording, open while it grows."""

    def __init__(self, test: unittest.TestCase, path: str) -> None:
        """Map the file at `path`."""
        with open(path, "rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        test.addCleanup(self._memory.close)

    def rows(self) -> list[Row]:
        """Return all rows as they are now."""
        return [Row(*fields) for fields in struct.iter_unpack("<7q", self._memory[:])]


class Stamps:
    """The stamps of a server, open while they grow."""

    def __init__(self, test: unittest.TestCase, path: str) -> None:
        """Map the file at `path`."""
        with open(path, "rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        test.addCleanup(self._memory.close)

    def all(self) -> list[Stamp]:
        """Return all rows as they are now, also those that are not there yet."""
        return [Stamp(*fields) for fields in struct.iter_unpack("<3q", self._memory[:])]

    def there(self) -> list[Stamp]:
        """Return the rows that are there."""
        return [stamp for stamp in self.all() if stamp.received]

    def of(self, port: int) -> list[Stamp]:
        """Return those of connections from `port`."""
        return [stamp for stamp in self.there() if stamp.port == port]


def serve(test: unittest.TestCase, stack: str, mode: str = "threaded") -> tuple[Worker, int]:
    """Start a server on a free port of the loopback; return it and its port."""
    worker = Worker(test, "rpycbench_workers.serve")
    worker.order({"stack": stack, "mode": mode, "address": "127.0.0.1", "port": 0})
    port = worker.event("listening")["port"]
    assert isinstance(port, int)
    return worker, port


def serve_stamped(
    test: unittest.TestCase,
    stack: str,
    mode: str = "threaded",
    *,
    connections: int = 20,
    each: int = 400,
    module: str = "rpycbench_workers.serve",
) -> tuple[Worker, int, Stamps]:
    """Start a server that stamps; return it, its port and its stamps."""
    worker = Worker(test, module)
    stamps = {"connections": connections, "each": each}
    worker.order(
        {"stack": stack, "mode": mode, "address": "127.0.0.1", "port": 0, "stamps": stamps}
    )
    listening = worker.event("listening")
    return worker, listening["port"], Stamps(test, listening["stamps"])


def arm(
    test: unittest.TestCase,
    stack: str,
    workload: dict[str, Any],
    timeout_s: float = 30.0,
    **more: Any,
) -> tuple[Worker, Samples]:
    """Start a driver, with `more` in its order; return it and its recording."""
    worker = Worker(test, "rpycbench_workers.drive")
    worker.order({"stack": stack, "workload": workload, "timeout_s": timeout_s, **more})
    return worker, Samples(test, worker.event("armed")["recording"])


def aim(driver: Worker, port: int) -> None:
    """Tell a driver where its server is."""
    driver.order({"address": "127.0.0.1", "port": port})


def closed(**changes: Any) -> dict[str, Any]:
    """Return a closed workload of one client that makes ten calls."""
    workload = {
        "kind": "closed",
        "clients": 1,
        "requests": 10,
        "warmup": 2,
        "client_model": "threads",
        "call": "attribute",
    }
    return {**workload, **changes}


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds`."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.002)):
        if holds():
            return
        pause.wait(0.002)
    raise AssertionError(f"waited in vain: {what}")
