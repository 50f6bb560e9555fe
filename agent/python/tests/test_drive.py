"""Drivers against servers that work: rows, events and counts."""

from __future__ import annotations

import time
import unittest
from typing import Any

from .worker import Row, Samples, Worker, aim, arm, closed, serve


def now() -> int:
    """Return the clock of the stamps."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


class Closed(unittest.TestCase):
    def drive(
        self, server: str, stack: str, mode: str = "threaded", **changes: Any
    ) -> tuple[list[Row], dict[str, Any]]:
        """Run to the end; return the rows and the driven event."""
        _, port = serve(self, server, mode)
        driver, samples = arm(self, stack, closed(**changes))
        self.assertEqual({row for row in samples.rows()}, {Row(0, 0, 0, 0, 0, 0)})
        before = now()
        aim(driver, port)
        driver.event("driving")
        driven = driver.event("driven")
        self.assertEqual(driver.end(), 0)
        self.assertEqual(driver.stderr(), "")
        rows = samples.rows()
        self.assertEqual(len(rows), changes.get("clients", 1) * 10)
        for row in rows:
            self.assertTrue(before < row.start < row.end < now(), row)
        for client in range(0, len(rows), 10):
            own = rows[client : client + 10]
            for first, second in zip(own, own[1:], strict=False):
                self.assertLess(first.end, second.start)
        self.assertEqual(driven["bytes_out"], 0)
        return rows, driven

    def test_rpyc(self) -> None:
        for mode in ("threaded", "forking"):
            for model in ("threads", "processes"):
                for clients in (1, 3):
                    with self.subTest(mode=mode, model=model, clients=clients):
                        rows, driven = self.drive(
                            "rpyc", "rpyc", mode, clients=clients, client_model=model
                        )
                        self.assertEqual({(row.status, row.bytes_in) for row in rows}, {(0, 4)})
                        self.assertEqual({(row.tcp_start, row.tcp_end) for row in rows}, {(0, 0)})
                        self.assertEqual(
                            driven["clients"], [{"errors": [], "connections_opened": 0}] * clients
                        )
                        # Attribute, call, and a write held back behind the deletion of the method.
                        self.assertEqual(driven["round_trips_per_call"], 3.0)

    def test_a_bound_method_takes_one_round_trip(self) -> None:
        for model in ("threads", "processes"):
            with self.subTest(model=model):
                rows, driven = self.drive(
                    "rpyc", "rpyc", clients=2, call="bound", client_model=model, warmup=0
                )
                self.assertEqual({(row.status, row.bytes_in) for row in rows}, {(0, 4)})
                self.assertEqual(driven["round_trips_per_call"], 1.0)

    def test_werkzeug_takes_a_connection_for_each_request(self) -> None:
        for model in ("threads", "processes"):
            for clients, warmup in ((1, 0), (3, 2)):
                with self.subTest(model=model, clients=clients):
                    rows, driven = self.drive(
                        "flask", "requests", clients=clients, client_model=model, warmup=warmup
                    )
                    size = len('{"response":"pong"}\n')
                    self.assertEqual({(row.status, row.bytes_in) for row in rows}, {(0, size)})
                    self.assertEqual(
                        driven["clients"], [{"errors": [], "connections_opened": 10}] * clients
                    )
                    # Connection, head, and a body held back behind the head.
                    self.assertEqual(driven["round_trips_per_call"], 3.0)

    def test_keep_alive_takes_no_new_connection(self) -> None:
        server = Worker(self, "tests.faulty_http", "200")
        for warmup, opened, round_trips in ((2, 0, 1.0), (0, 1, 1.1)):
            with self.subTest(warmup=warmup):
                driver, _ = arm(self, "requests", closed(warmup=warmup))
                if warmup:
                    port = int(server.line())
                aim(driver, port)
                driver.event("driving")
                driven = driver.event("driven")
                self.assertEqual(driven["clients"], [{"errors": [], "connections_opened": opened}])
                self.assertAlmostEqual(driven["round_trips_per_call"], round_trips)
                self.assertEqual(driver.end(), 0)

    def test_nobody_starts_before_all_are_warm(self) -> None:
        for model in ("threads", "processes"):
            with self.subTest(model=model):
                # After the calls for counting round trips, one client warms up and one waits.
                server = Worker(self, "tests.faulty_rpyc", "pong", "pong", "pong", "wait", "pong")
                port = int(server.line())
                driver, samples = arm(self, "rpyc", closed(clients=2, warmup=1, client_model=model))
                aim(driver, port)
                self.assertEqual(server.line(), b"waiting\n")
                released = now()
                server.end_of_orders()
                driver.event("driving")
                driver.event("driven")
                self.assertGreater(min(row.start for row in samples.rows()), released)


class Connect(unittest.TestCase):
    def drive(self, server: str, stack: str, mode: str) -> dict[str, Any]:
        _, port = serve(self, server, mode)
        driver, samples = arm(self, stack, {"kind": "connect", "count": 8, "warmup": 1})
        aim(driver, port)
        driver.event("driving")
        driven = driver.event("driven")
        self.assertEqual(driver.end(), 0)
        rows = samples.rows()
        self.assertEqual(len(rows), 8)
        self.assertEqual({(row.status, row.bytes_in) for row in rows}, {(0, 0)})
        for row in rows:
            self.assertTrue(0 < row.start < row.tcp_start < row.tcp_end < row.end, row)
        for first, second in zip(rows, rows[1:], strict=False):
            self.assertLess(first.end, second.start)
        self.assertEqual(driven["clients"], [{"errors": [], "connections_opened": 8}])
        return driven

    def test_rpyc_waits_for_tcp_and_two_requests(self) -> None:
        for mode in ("threaded", "forking"):
            with self.subTest(mode=mode):
                driven = self.drive("rpyc", "rpyc", mode)
                self.assertEqual(driven["round_trips_per_call"], 3.0)

    def test_http_waits_for_tcp(self) -> None:
        driven = self.drive("flask", "requests", "threaded")
        self.assertEqual(driven["round_trips_per_call"], 1.0)


class Conversation(unittest.TestCase):
    def test_orders_end_before_the_target(self) -> None:
        for send_order in (False, True):
            with self.subTest(send_order=send_order):
                driver = Worker(self, "rpycbench_workers.drive")
                if send_order:
                    driver.order({"stack": "rpyc", "workload": closed(), "timeout_s": 1})
                    Samples(self, driver.event("armed")["recording"])
                driver.end_of_orders()
                self.assertEqual(driver.end(), 0)
                self.assertEqual(driver.stderr(), "")

    def test_not_understood(self) -> None:
        driver = Worker(self, "rpycbench_workers.drive")
        driver.order({"stack": "rpyc", "workload": closed(call="later"), "timeout_s": 1})
        self.assertEqual(
            driver.event("failed"),
            {"phase": "order", "reason": "call must be one of attribute, bound, not 'later'"},
        )
        self.assertEqual(driver.end(), 1)

    def test_target_not_understood(self) -> None:
        driver, _ = arm(self, "rpyc", closed())
        aim(driver, 0)
        self.assertEqual(driver.event("failed")["phase"], "order")
        self.assertEqual(driver.end(), 1)
