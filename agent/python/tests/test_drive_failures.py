"""Drivers against servers that fail: nothing is hidden, repeated or waited for without end."""

from __future__ import annotations

import signal
import socket
import time
import unittest
from typing import Any

from .worker import Row, Worker, aim, arm, closed, serve, until


def start_faulty(test: unittest.TestCase, kind: str, script: str) -> tuple[Worker, int]:
    """Start a server of tests.faulty_*; return it and its port.

    `script` begins with the first call for counting; drivers make one more of them.
    """
    first = script.split()[0]
    server = Worker(test, f"tests.faulty_{kind}", first, *script.split())
    return server, int(server.line())


class FailedCalls(unittest.TestCase):
    def drive(
        self, stack: str, port: int, **changes: Any
    ) -> tuple[list[Row], list[dict[str, Any]], float]:
        driver, samples = arm(self, stack, closed(warmup=0, **changes))
        aim(driver, port)
        driver.event("driving")
        driven = driver.event("driven")
        self.assertEqual(driver.end(), 0)
        return samples.rows(), driven["clients"], driven["round_trips_per_call"]

    def test_rpyc_server_raises_and_answers_wrongly(self) -> None:
        # The first pong is for counting the round trips of a call.
        _, port = start_faulty(self, "rpyc", "pong pong raise pang number raise pong")
        rows, [client], _ = self.drive("rpyc", port, requests=7)
        self.assertEqual([row.status for row in rows], [0, 1, 2, 3, 1, 0, 0])
        self.assertEqual([row.bytes_in for row in rows], [4, 0, 4, 0, 0, 4, 4])
        self.assertEqual(
            client["errors"],
            [
                "ValueError: not today, <object object>",
                "wrong reply 'pang'",
                "wrong reply of type int",
            ],
        )

    def test_rpyc_server_dies(self) -> None:
        _, port = start_faulty(self, "rpyc", "pong pong pong die")
        rows, [client], _ = self.drive("rpyc", port, requests=6)
        statuses = [row.status for row in rows]
        self.assertEqual(statuses[:2], [0, 0])
        self.assertTrue(all(statuses[2:]), statuses)
        self.assertTrue(all(0 < row.start < row.end for row in rows))
        self.assertTrue(all(error.startswith("EOFError") for error in client["errors"]), client)
        self.assertEqual(client["connections_opened"], 0)

    def test_http_statuses_and_dropped_connections(self) -> None:
        _, port = start_faulty(self, "http", "200 500 200 drop 200 404 500 200")
        rows, [client], round_trips = self.drive("requests", port, requests=8)
        self.assertEqual([row.status for row in rows], [0, 1, 0, 2, 0, 3, 1, 0])
        self.assertEqual([row.bytes_in for row in rows], [3, 3, 3, 0, 3, 3, 3, 3])
        self.assertEqual([client["errors"][0], client["errors"][2]], ["HTTP 500", "HTTP 404"])
        self.assertRegex(client["errors"][1], "^ConnectionError: .*closed connection")
        # One at the start and one after the drop: a dropped call is not sent again.
        self.assertEqual(client["connections_opened"], 2)
        self.assertEqual(round_trips, (2 + 8) / 8)

    def test_a_slow_answer_is_not_waited_for(self) -> None:
        _, port = start_faulty(self, "rpyc", "pong wait")
        driver, samples = arm(self, "rpyc", closed(warmup=0, requests=2), timeout_s=0.2)
        aim(driver, port)
        driver.event("driving")
        [client] = driver.event("driven")["clients"]
        # Said goodbye to, it would keep the driver for as long again.
        self.assertEqual(driver.end(), 0)
        self.assertEqual(client["errors"], ["TimeoutError: result expired"])
        for row in samples.rows():
            self.assertGreaterEqual(row.end - row.start, 200_000_000)

    def test_rows_can_be_read_while_a_call_waits(self) -> None:
        server, port = start_faulty(self, "rpyc", "pong pong pong wait pong")
        driver, samples = arm(self, "rpyc", closed(warmup=0, requests=4))
        aim(driver, port)
        driver.event("driving")
        until(lambda: samples.rows()[1].end != 0, "two rows")
        first, second, *rest = samples.rows()
        self.assertEqual([first.bytes_in, second.bytes_in], [4, 4])
        self.assertEqual(rest, [Row(0, 0, 0, 0, 0, 0)] * 2)
        server.end_of_orders()
        driver.event("driven")
        self.assertEqual([row.bytes_in for row in samples.rows()], [4] * 4)


class FailedConnections(unittest.TestCase):
    def test_server_goes_away(self) -> None:
        for server, stack in (("rpyc", "rpyc"), ("flask", "requests")):
            with self.subTest(stack=stack):
                worker, port = serve(self, server)
                count = 20_000
                driver, samples = arm(self, stack, {"kind": "connect", "count": count, "warmup": 0})
                aim(driver, port)
                driver.event("driving")
                until(lambda seen=samples: seen.rows()[0].end != 0, "a row")  # type: ignore[misc]
                worker.process.send_signal(signal.SIGKILL)
                [client] = driver.event("driven")["clients"]
                self.assertEqual(driver.end(), 0)
                rows = samples.rows()
                self.assertEqual(len(rows), count)
                refused = [row for row in rows if row.status and not row.tcp_end]
                self.assertGreater(len(refused), 0)
                self.assertTrue(all(0 < row.start < row.tcp_start < row.end for row in refused))
                self.assertEqual(
                    client["connections_opened"], sum(row.tcp_end != 0 for row in rows)
                )
                self.assertLess(max(row.status for row in rows), len(client["errors"]) + 1)
                self.assertIn("refused", " ".join(client["errors"]))
                self.assertNotIn("0x", " ".join(client["errors"]))


class NoStart(unittest.TestCase):
    def failure(
        self, port: int, stack: str, workload: dict[str, Any], timeout_s: float = 30.0
    ) -> tuple[str, str]:
        driver, samples = arm(self, stack, workload, timeout_s)
        aim(driver, port)
        failed = driver.event("failed")
        self.assertEqual(driver.end(), 1)
        self.assertEqual({row for row in samples.rows()}, {Row(0, 0, 0, 0, 0, 0)})
        return failed["phase"], failed["reason"]

    def test_nobody_listens(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            port = silent.getsockname()[1]
            for workload in (
                {"kind": "connect", "count": 3, "warmup": 1},
                closed(),
                closed(clients=3),
                closed(clients=3, client_model="processes"),
            ):
                for stack in ("rpyc", "requests"):
                    with self.subTest(workload=workload, stack=stack):
                        phase, reason = self.failure(port, stack, workload)
                        self.assertEqual(phase, "connect")
                        self.assertIn("refused", reason)

    def test_nobody_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            began = time.monotonic()
            for stack in ("rpyc", "requests"):
                with self.subTest(stack=stack):
                    self.assertEqual(self.failure(port, stack, closed(), 0.3)[0], "connect")
            self.assertLess(time.monotonic() - began, 15)

    def test_one_client_cannot_warm_up(self) -> None:
        for model in ("threads", "processes"):
            with self.subTest(model=model):
                # One call is for counting round trips; one of the next nine is bad.
                _, port = start_faulty(self, "rpyc", "pong pong pong pong pong pang pong")
                workload = closed(clients=3, warmup=3, client_model=model)
                self.assertEqual(
                    self.failure(port, "rpyc", workload), ("warm-up", "wrong reply 'pang'")
                )
