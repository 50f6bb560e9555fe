"""Servers: what they say, what they answer, and how they end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import unittest
from typing import Any

import rpyc
from rpyc.core.consts import HANDLE_PICKLE

from .worker import Worker, serve


def get(port: int, path: str) -> tuple[int, bytes, str | None]:
    """Return status, body and Connection header."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read(), reply.getheader("Connection")
    finally:
        connection.close()


class Rpyc(unittest.TestCase):
    def connect(self, port: int) -> Any:
        connection = rpyc.connect("127.0.0.1", port)
        self.addCleanup(connection.close)
        return connection

    def test_answers_and_exits_with_clients_connected(self) -> None:
        for mode in ("threaded", "forking"):
            with self.subTest(mode=mode):
                server, port = serve(self, "rpyc", mode)
                first, second = self.connect(port), self.connect(port)
                self.assertEqual(first.root.ping(), "pong")
                self.assertEqual(second.root.ping(), "pong")
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.end(), 0)
                with self.assertRaises(EOFError):
                    first.root.ping()
                self.assertEqual(server.stderr(), "")

    def test_as_shipped_and_no_more_than_a_ping(self) -> None:
        _, port = serve(self, "rpyc")
        connection = self.connect(port)
        root = connection.root
        with self.assertRaises(AttributeError):  # public, but not exposed
            _ = root.on_connect
        with self.assertRaises(AttributeError):
            root.pong = "pang"
        with self.assertRaisesRegex(ValueError, "pickling is disabled"):
            connection.sync_request(HANDLE_PICKLE, root, 2)


class FlaskOnWerkzeug(unittest.TestCase):
    def test_answers_quietly_and_exits(self) -> None:
        server, port = serve(self, "flask")
        status, body, connection = get(port, "/ping")
        self.assertEqual((status, json.loads(body)), (200, {"response": "pong"}))
        self.assertEqual(connection, "close")
        self.assertEqual(get(port, "/nothing")[0], 404)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.end(), 0)
        self.assertEqual(server.stderr(), "")

    def test_no_debugger(self) -> None:
        _, port = serve(self, "flask")
        self.assertEqual(get(port, "/console")[0], 404)


class Conversation(unittest.TestCase):
    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for stack in ("rpyc", "flask"):
                with self.subTest(stack=stack):
                    worker = Worker(self, "rpycbench_workers.serve")
                    worker.order(
                        {"stack": stack, "mode": "threaded", "address": "127.0.0.1", "port": port}
                    )
                    self.assertEqual(
                        worker.event("failed"),
                        {"phase": "bind", "reason": f"127.0.0.1:{port}: address already in use"},
                    )
                    self.assertEqual(worker.end(), 1)

    def test_address_of_another_host(self) -> None:
        # Reserved for documentation, so it is nobody's.
        for stack in ("rpyc", "flask"):
            with self.subTest(stack=stack):
                worker = Worker(self, "rpycbench_workers.serve")
                worker.order(
                    {"stack": stack, "mode": "threaded", "address": "192.0.2.1", "port": 80}
                )
                self.assertEqual(
                    worker.event("failed"),
                    {"phase": "bind", "reason": "192.0.2.1:80: cannot assign requested address"},
                )
                self.assertEqual(worker.end(), 1)

    def test_not_understood(self) -> None:
        worker = Worker(self, "rpycbench_workers.serve")
        worker.send(b"hello\n")
        failed = worker.event("failed")
        self.assertEqual(failed["phase"], "order")
        self.assertEqual(worker.end(), 1)

    def test_no_order(self) -> None:
        worker = Worker(self, "rpycbench_workers.serve")
        worker.end_of_orders()
        self.assertEqual(worker.end(), 0)
        self.assertEqual(worker.stderr(), "")

    def test_interrupts_are_for_the_agent(self) -> None:
        for stack in ("rpyc", "flask"):
            with self.subTest(stack=stack):
                server, port = serve(self, stack)
                server.process.send_signal(signal.SIGINT)
                socket.create_connection(("127.0.0.1", port), timeout=30).close()
                self.assertIsNone(server.process.poll())
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.end(), 0)

    @unittest.skipUnless(os.path.exists("/proc/self/maps"), "needs /proc")
    def test_only_the_stack_asked_for_is_imported(self) -> None:
        server, port = serve(self, "rpyc")
        rpyc.connect("127.0.0.1", port).close()
        with open(f"/proc/{server.process.pid}/maps") as maps:
            loaded = maps.read()
        self.assertNotIn("markupsafe", loaded)
