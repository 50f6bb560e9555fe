"""Calls and the server's stamps of them: each call finds its own, and only those."""

from __future__ import annotations

import socket
import unittest
from typing import Any

import requests

from rpycbench_workers.drive_requests import RequestsClient
from rpycbench_workers.reasons import describe

from .worker import Row, Stamp, Stamps, Worker, aim, arm, closed, serve, serve_stamped

CALLS = 40


class Pairing(unittest.TestCase):
    def drive(
        self, port: int, stack: str, workload: dict[str, Any]
    ) -> tuple[list[Row], list[dict[str, Any]]]:
        """Run to the end; return the rows and what is said of the clients."""
        driver, samples = arm(self, stack, workload, stamped=True)
        aim(driver, port)
        driver.event("driving")
        clients = driver.event("driven")["clients"]
        self.assertEqual(driver.end(), 0)
        return samples.rows(), clients

    def check_inside(self, row: Row, begin: int, waited: list[Stamp]) -> None:
        """The requests that a sample waited for follow one another between `begin` and its end."""
        self.assertEqual(row.status, 0)
        instants = [begin]
        for stamp in waited:
            instants += [stamp.received, stamp.answered]
        instants.append(row.end)
        self.assertEqual(instants, sorted(instants))

    def check_calls(self, client: dict[str, Any], rows: list[Row], stamps: Stamps) -> None:
        """Each of these RPyC calls finds its requests."""
        own = stamps.of(client["port"])
        first, each, waited = client["first"], client["each"], client["waited"]
        for k, row in enumerate(rows):
            at = first + k * each
            self.check_inside(row, row.start, own[at : at + waited])
            for late in own[at + waited : at + each]:
                self.assertGreater(late.received, row.start)
        # Of what was before, too, the last may not have been waited for.
        self.assertLess(own[first - 1 - (each - waited)].answered, rows[0].start)
        for rest in own[first + len(rows) * each :]:
            self.assertGreater(rest.received, rows[-1].end)

    def test_rpyc_calls_find_their_requests(self) -> None:
        # Before the first call, apart from the warm-up: GETROOT and INSPECT; a bound method takes
        # GETATTR, too. A call by attribute: GETATTR, CALL, and DEL, which nobody waits for.
        for call, set_up, each, waited in (("attribute", 2, 3, 2), ("bound", 3, 1, 1)):
            for mode in ("threaded", "forking"):
                for model in ("threads", "processes"):
                    for clients in (1, 3):
                        with self.subTest(call=call, mode=mode, model=model, clients=clients):
                            _, port, stamps = serve_stamped(self, "rpyc", mode)
                            workload = closed(
                                call=call,
                                client_model=model,
                                clients=clients,
                                requests=CALLS,
                                warmup=7,
                            )
                            rows, told = self.drive(port, "rpyc", workload)
                            self.assertEqual(len({client["port"] for client in told}), clients)
                            for index, client in enumerate(told):
                                self.assertEqual(client["errors"], [])
                                self.assertEqual(client["first"], set_up + 7 * each)
                                self.assertEqual((client["each"], client["waited"]), (each, waited))
                                self.assertIsNone(client["unpaired"])
                                own = rows[index * CALLS : (index + 1) * CALLS]
                                self.check_calls(client, own, stamps)

    def test_http_calls_find_their_request_by_their_port(self) -> None:
        for model in ("threads", "processes"):
            for clients in (1, 3):
                with self.subTest(model=model, clients=clients):
                    _, port, stamps = serve_stamped(self, "flask")
                    workload = closed(client_model=model, clients=clients, requests=CALLS, warmup=3)
                    rows, told = self.drive(port, "requests", workload)
                    self.assertEqual(
                        told,
                        [
                            {
                                "errors": [],
                                "connections_opened": CALLS,
                                "port": None,
                                "first": 0,
                                "each": 1,
                                "waited": 1,
                                "unpaired": None,
                            }
                        ]
                        * clients,
                    )
                    self.assertEqual(len({row.port for row in rows}), clients * CALLS)
                    for row in rows:
                        self.check_inside(row, row.start, stamps.of(row.port))

    def test_rpyc_connections_find_the_requests_that_make_them_ready(self) -> None:
        for mode in ("threaded", "forking"):
            with self.subTest(mode=mode):
                _, port, stamps = serve_stamped(self, "rpyc", mode, connections=30, each=10)
                rows, [client] = self.drive(
                    port, "rpyc", {"kind": "connect", "count": 20, "warmup": 2}
                )
                self.assertEqual(
                    (client["port"], client["first"], client["each"], client["waited"]),
                    (None, 0, 2, 2),
                )
                self.assertEqual(len({row.port for row in rows}), 20)
                for row in rows:
                    own = stamps.of(row.port)
                    self.check_inside(row, row.tcp_end, own[:2])
                    # What follows is the goodbye.
                    self.assertGreater(own[2].received, row.end)

    def test_http_connections_make_no_request(self) -> None:
        _, port, stamps = serve_stamped(self, "flask")
        rows, [client] = self.drive(port, "requests", {"kind": "connect", "count": 8, "warmup": 2})
        self.assertEqual((client["each"], client["waited"]), (0, 0))
        self.assertEqual(len({row.port for row in rows}), 8)
        self.assertEqual(stamps.there(), [])

    def test_rows_of_calls_that_open_a_connection_say_so(self) -> None:
        server = Worker(self, "tests.faulty_http", "200", "200", "drop", "200")
        port = int(server.line())
        rows, _ = self.drive(port, "requests", closed(warmup=1, requests=4))
        # The connection of the warm-up is nobody's.
        self.assertEqual([row.port != 0 for row in rows], [False, True, False, False])

    def test_a_failed_call_makes_deletions_come_late_so_that_none_is_paired(self) -> None:
        server = Worker(self, "tests.faulty_rpyc", "pong", "pong", "raise", "pong")
        _, [client] = self.drive(int(server.line()), "rpyc", closed(warmup=0, requests=4))
        self.assertEqual(client["errors"], ["ValueError: not today, <object object>"])
        self.assertIsNone(client["each"])
        self.assertIn("a call failed", client["unpaired"])

    def test_without_deletions_failed_calls_are_paired_like_others(self) -> None:
        server = Worker(self, "tests.faulty_rpyc", "pong", "pong", "raise", "pong")
        workload = closed(call="bound", warmup=0, requests=4)
        _, [client] = self.drive(int(server.line()), "rpyc", workload)
        self.assertEqual(len(client["errors"]), 1)
        self.assertEqual((client["first"], client["each"], client["waited"]), (3, 1, 1))

    def test_calls_that_are_not_alike_are_not_paired(self) -> None:
        server = Worker(self, "tests.faulty_rpyc", "pong", "pong", "pong", "die")
        workload = closed(call="bound", warmup=0, requests=4)
        _, [client] = self.drive(int(server.line()), "rpyc", workload)
        self.assertIsNone(client["each"])
        self.assertRegex(client["unpaired"], "^4 calls sent [0-9]+ requests, not 4$")

    def test_noting_ports_does_not_show_in_the_reasons_of_failed_calls(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/ping"
            reasons = []
            for stamped in (False, True):
                client = RequestsClient(url, 30.0, 0, stamped=stamped)
                self.addCleanup(client.close, peer_answers=False)
                with self.assertRaises(requests.ConnectionError) as caught:
                    client.call()
                reasons.append(describe(caught.exception))
        self.assertEqual(reasons[0], reasons[1])
        self.assertIn("Connection(host=", reasons[0])

    def test_unless_asked_drivers_say_nothing_of_it(self) -> None:
        for server, stack in (("rpyc", "rpyc"), ("flask", "requests")):
            for workload in (closed(), {"kind": "connect", "count": 3, "warmup": 0}):
                with self.subTest(stack=stack, workload=workload["kind"]):
                    _, port = serve(self, server)
                    driver, samples = arm(self, stack, workload)
                    aim(driver, port)
                    driver.event("driving")
                    [client] = driver.event("driven")["clients"]
                    self.assertEqual(list(client), ["errors", "connections_opened"])
                    self.assertEqual(driver.end(), 0)
                    self.assertEqual({row.port for row in samples.rows()}, {0})
