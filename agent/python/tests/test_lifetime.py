"""No process outlives the one that forked it, however that ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import unittest

from .test_drive_failures import start_faulty
from .worker import Worker, aim, arm, closed, serve, until


def children(pid: int) -> list[int]:
    """Return the processes that `pid` forked and that live."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                # After the name, which is in brackets and may hold anything.
                state, parent = stat.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has gone meanwhile
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found


def end_child(fd: int) -> None:
    """Kill the process of a descriptor, should it live, and close the descriptor."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    os.close(fd)


@unittest.skipUnless(sys.platform == "linux", "needs PR_SET_PDEATHSIG")
class NoOrphans(unittest.TestCase):
    def watch(self, worker: Worker, count: int) -> list[int]:
        """Wait for `count` children; return a descriptor for each that tells of its end."""
        until(lambda: len(children(worker.process.pid)) == count, f"{count} children")
        watched = []
        for pid in children(worker.process.pid):
            watched.append(os.pidfd_open(pid))
            self.addCleanup(end_child, watched[-1])
        return watched

    def assert_ended(self, watched: list[int]) -> None:
        for fd in watched:
            self.assertTrue(select.select([fd], [], [], 10)[0], "a child lives on")

    def test_forking_server(self) -> None:
        for ending, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
            with self.subTest(ending=ending):
                server, port = serve(self, "rpyc", "forking")
                clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
                watched = self.watch(server, 3)
                server.process.send_signal(ending)
                self.assertEqual(server.process.wait(), code)
                self.assert_ended(watched)
                for client in clients:
                    client.close()

    def test_a_forked_server_process_obeys_sigterm_as_by_default(self) -> None:
        server, port = serve(self, "rpyc", "forking")
        with socket.create_connection(("127.0.0.1", port)):
            watched = self.watch(server, 1)
            os.kill(children(server.process.pid)[0], signal.SIGTERM)
            self.assert_ended(watched)
        self.assertIsNone(server.process.poll())

    def driver_of_waiting_clients(self) -> tuple[Worker, list[int]]:
        _, port = start_faulty(self, "rpyc", "pong wait")
        driver, _ = arm(self, "rpyc", closed(clients=3, warmup=0, client_model="processes"))
        aim(driver, port)
        driver.event("driving")
        return driver, self.watch(driver, 3)

    def test_driver(self) -> None:
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(ending=ending):
                driver, watched = self.driver_of_waiting_clients()
                driver.process.send_signal(ending)
                self.assertEqual(driver.process.wait(), -ending)
                self.assert_ended(watched)

    def test_a_client_process_that_dies_ends_the_run(self) -> None:
        driver, watched = self.driver_of_waiting_clients()
        # The first, for it is the one whose outcome the driver awaits first.
        os.kill(min(children(driver.process.pid)), signal.SIGKILL)
        self.assertEqual(
            driver.event("failed"), {"phase": "drive", "reason": "the process of client 0 died"}
        )
        self.assertEqual(driver.end(), 1)
        self.assert_ended(watched)
