"""Rows for the requests of a server: who gets which, and what becomes of those that get none."""

from __future__ import annotations

import contextlib
import os
import socket
import unittest

import rpyc

from rpycbench_workers.clock import CLOCK, now
from rpycbench_workers.events import Failure
from rpycbench_workers.stamps import Stamps as ServerStamps

from .test_serve import get
from .worker import Stamps, Worker, serve, serve_stamped, until


def frame(seq: int, handler: int) -> bytes:
    """Return a small request of RPyC 6, without arguments."""
    return bytes([0, 0, 0, 8, 0, 1, 0x11, 0x50 + seq, 0x11, 0x50 + handler, 0x11, 0x51, 2, 10])


def opened(server: Worker) -> set[str]:
    """Return what the files are that `server` has open."""
    files = f"/proc/{server.process.pid}/fd"
    paths = set()
    for name in os.listdir(files):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            paths.add(os.readlink(f"{files}/{name}"))
    return paths


CLOSE = 2
GETROOT = 3


class Rows(unittest.TestCase):
    def start(self, connections: int, each: int) -> tuple[ServerStamps, Stamps]:
        stamps = ServerStamps(connections, each)
        self.addCleanup(stamps.close)
        return stamps, Stamps(self, stamps.path)

    def test_connections_of_a_process_claim_from_all_rows_as_requests_come(self) -> None:
        stamps, seen = self.start(2, 3)
        one, two = stamps.connection(1), stamps.connection(2)
        for connection in (one, two, one, one, one):
            connection.received()
            connection.answered(now(CLOCK))
        self.assertEqual([stamp.port for stamp in seen.all()], [1, 2, 1, 1, 1, 0])
        for stamp in seen.there():
            self.assertTrue(0 < stamp.received <= stamp.answered)

    def test_the_last_of_several_writes_counts(self) -> None:
        stamps, seen = self.start(1, 2)
        connection = stamps.connection(1)
        connection.answered(4)  # of no request
        connection.received()
        connection.answered(5)
        connection.answered(6)
        self.assertEqual([stamp.answered for stamp in seen.all()], [6, 0])

    def test_without_a_row_nothing_is_written(self) -> None:
        stamps, seen = self.start(1, 1)
        connection = stamps.connection(1)
        connection.received()
        connection.answered(5)
        before = seen.all()
        for late in (connection, connection, stamps.connection(2)):
            late.received()
            late.answered(6)
        self.assertEqual(seen.all(), before)

    def test_too_many_rows_for_the_host_are_refused(self) -> None:
        with self.assertRaises(Failure) as caught:
            ServerStamps(2**31 - 1, 2**31 - 1)
        self.assertEqual(caught.exception.phase, "stamps")


class Served(unittest.TestCase):
    def test_without_the_key_nothing_is_stamped(self) -> None:
        for stack, mode in (("rpyc", "threaded"), ("rpyc", "forking"), ("flask", "threaded")):
            with self.subTest(stack=stack, mode=mode):
                server = Worker(self, "rpycbench_workers.serve")
                server.order({"stack": stack, "mode": mode, "address": "127.0.0.1", "port": 0})
                listening = server.event("listening")
                self.assertEqual(list(listening), ["port"])
                if stack == "flask":
                    self.assertEqual(get(listening["port"], "/ping")[0], 200)
                else:
                    rpyc.connect("127.0.0.1", listening["port"]).close()
                self.assertEqual([path for path in opened(server) if "rpycbench" in path], [])

    def test_more_requests_than_rows_are_answered_all_the_same(self) -> None:
        for mode in ("threaded", "forking"):
            with self.subTest(mode=mode):
                _, port, stamps = serve_stamped(self, "rpyc", mode, connections=2, each=4)
                ports = []
                for _ in range(4):
                    connection = rpyc.connect("127.0.0.1", port)
                    ports.append(connection._channel.stream.sock.getsockname()[1])
                    self.assertEqual([connection.root.ping() for _ in range(5)], ["pong"] * 5)
                    connection.close()
                claimed = [stamp.port for stamp in stamps.all()]
                if mode == "threaded":
                    self.assertEqual(claimed, ports[:1] * 8)
                else:
                    self.assertEqual(claimed, ports[:1] * 4 + ports[1:2] * 4)
        with self.subTest(stack="flask"):
            _, port, stamps = serve_stamped(self, "flask", connections=2, each=1)
            self.assertEqual([get(port, "/ping")[0] for _ in range(5)], [200] * 5)
            self.assertEqual(len(stamps.there()), 2)

    def test_each_request_of_rpyc_has_a_row_and_a_goodbye_has_no_answer(self) -> None:
        for mode in ("threaded", "forking"):
            with self.subTest(mode=mode):
                _, port, stamps = serve_stamped(self, "rpyc", mode, connections=1, each=20)
                with socket.create_connection(("127.0.0.1", port), 30) as client:
                    client.sendall(frame(0, GETROOT))
                    self.assertTrue(client.recv(4096))
                    client.sendall(frame(1, CLOSE))
                    self.assertEqual(client.recv(4096), b"")
                root, close = stamps.there()
                self.assertTrue(root.received < root.answered < close.received)
                self.assertEqual(close.answered, 0)

    def test_what_werkzeug_cannot_parse_is_not_stamped(self) -> None:
        _, port, stamps = serve_stamped(self, "flask")
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(b"hello there, how are you\r\n\r\n")
            self.assertIn(b"400", client.recv(4096))
        self.assertEqual(get(port, "/nothing")[0], 404)
        [stamp] = stamps.there()
        self.assertTrue(stamp.received < stamp.answered)

    def test_the_served_object_looks_the_same_on_the_wire(self) -> None:
        def root(port: int) -> bytes:
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                client.sendall(frame(0, GETROOT))
                return client.recv(4096)

        name = b"rpycbench_workers.serve_rpyc.PingService"
        self.assertIn(name, root(serve(self, "rpyc")[1]))
        self.assertIn(name, root(serve_stamped(self, "rpyc")[1]))

    def test_where_rows_are_in_a_file_it_goes_away_with_the_server(self) -> None:
        server, port, stamps = serve_stamped(self, "rpyc", module="tests.without_memfd")
        [path] = [path for path in opened(server) if "rpycbench-stamps" in path]
        self.assertTrue(os.path.isfile(path), path)
        rpyc.connect("127.0.0.1", port).root.ping()
        until(lambda: len(stamps.there()) > 3, "stamps")
        server.process.terminate()
        self.assertEqual(server.end(), 0)
        self.assertFalse(os.path.exists(path), path)

    def test_a_server_without_room_for_stamps_does_not_start(self) -> None:
        server = Worker(self, "rpycbench_workers.serve")
        stamps = {"connections": 2**31 - 1, "each": 2**31 - 1}
        server.order(
            {
                "stack": "flask",
                "mode": "threaded",
                "address": "127.0.0.1",
                "port": 0,
                "stamps": stamps,
            }
        )
        self.assertEqual(server.event("failed")["phase"], "stamps")
        self.assertEqual(server.end(), 1)
