"""Orders that are understood, and orders that are refused."""

from __future__ import annotations

import json
import unittest
from typing import Any

from rpycbench_workers.order import (
    Closed,
    Connect,
    Drive,
    OrderError,
    ServeFlask,
    ServeRpyc,
    Stamping,
    Target,
    parse_drive,
    parse_serve,
    parse_target,
)

from .worker import closed

SERVE = {"stack": "rpyc", "mode": "threaded", "address": "127.0.0.1", "port": 0}


def line(value: object) -> bytes:
    """Return `value` as the agent would send it."""
    return json.dumps(value).encode() + b"\n"


def drive(workload: object, **changes: Any) -> bytes:
    """Return the order of a driver."""
    return line({"stack": "rpyc", "workload": workload, "timeout_s": 30.0, **changes})


class Understood(unittest.TestCase):
    def test_servers(self) -> None:
        self.assertEqual(parse_serve(line(SERVE)), ServeRpyc("threaded", "127.0.0.1", 0))
        forking = {**SERVE, "mode": "forking", "port": 80}
        self.assertEqual(parse_serve(line(forking)), ServeRpyc("forking", "127.0.0.1", 80))
        self.assertEqual(parse_serve(line({**SERVE, "stack": "flask"})), ServeFlask("127.0.0.1", 0))

    def test_servers_that_stamp(self) -> None:
        order = {**SERVE, "stamps": {"connections": 3, "each": 500}}
        stamping = Stamping(3, 500)
        self.assertEqual(parse_serve(line(order)), ServeRpyc("threaded", "127.0.0.1", 0, stamping))
        self.assertEqual(
            parse_serve(line({**order, "stack": "flask"})), ServeFlask("127.0.0.1", 0, stamping)
        )

    def test_drivers(self) -> None:
        self.assertEqual(
            parse_drive(drive({"kind": "connect", "count": 100, "warmup": 0}, timeout_s=2)),
            Drive("rpyc", Connect(100, 0), 2.0),
        )
        workload = closed(clients=3, client_model="processes", call="bound")
        self.assertEqual(
            parse_drive(drive(workload)),
            Drive("rpyc", Closed(3, 10, 2, "processes", "bound"), 30.0),
        )

    def test_drivers_of_servers_that_stamp(self) -> None:
        connect = {"kind": "connect", "count": 1, "warmup": 0}
        for stamped in (True, False):
            self.assertEqual(
                parse_drive(drive(connect, stamped=stamped)),
                Drive("rpyc", Connect(1, 0), 30.0, stamped),
            )

    def test_http_needs_no_call_shape(self) -> None:
        workload = closed()
        del workload["call"]
        self.assertEqual(
            parse_drive(drive(workload, stack="requests")).workload,
            Closed(1, 10, 2, "threads", "attribute"),
        )
        with self.assertRaisesRegex(OrderError, "workload has no call"):
            parse_drive(drive(workload))

    def test_target(self) -> None:
        self.assertEqual(parse_target(line({"address": "::1", "port": 1})), Target("::1", 1))


class Refused(unittest.TestCase):
    def test_servers(self) -> None:
        for order, why in (
            (b"{", "not a line of JSON"),
            (b'"\xff"', "not a line of JSON"),
            (b"[]", "order must be an object"),
            (line({**SERVE, "stack": "grpc"}), "stack must be one of rpyc, flask, not 'grpc'"),
            (line({**SERVE, "stack": ["rpyc"]}), "stack must be one of"),
            (line({**SERVE, "stack": "flask", "mode": "forking"}), "mode must be one of threaded,"),
            (line({**SERVE, "address": ""}), "address must be text"),
            (line({**SERVE, "port": 65536}), "port must be a whole number from 0 to 65535"),
            (line({**SERVE, "port": True}), "port must be a whole number"),
            (line({**SERVE, "stamps": None}), "stamps must be an object"),
            (line({**SERVE, "stamps": 5}), "stamps must be an object"),
            (line({**SERVE, "stamps": {"each": 5}}), "stamps has no connections"),
            (line({**SERVE, "stamps": {"connections": 5}}), "stamps has no each"),
            (
                line({**SERVE, "stamps": {"connections": 0, "each": 5}}),
                "connections must be a whole number from 1",
            ),
            (
                line({**SERVE, "stamps": {"connections": 5, "each": True}}),
                "each must be a whole number from 1",
            ),
            (
                line({**SERVE, "stamps": {"connections": 5, "each": 5, "clock": "tai"}}),
                "stamps has unknown keys: clock",
            ),
            (line({**SERVE, "debug": True, "argv": []}), "order has unknown keys: argv, debug"),
        ):
            with self.subTest(order=order), self.assertRaisesRegex(OrderError, why):
                parse_serve(order)

    def test_drivers(self) -> None:
        connect = {"kind": "connect", "count": 1, "warmup": 0}
        for order, why in (
            (drive(7), "workload must be an object"),
            (drive({**connect, "kind": "open"}), "kind must be one of connect, closed"),
            (drive({**connect, "count": 0}), "count must be a whole number from 1"),
            (drive({**connect, "count": 1.5}), "count must be a whole number from 1"),
            (drive({**connect, "warmup": -1}), "warmup must be a whole number from 0"),
            (drive({**connect, "clients": 1}), "workload has unknown keys: clients"),
            (drive(closed(call="async")), "call must be one of attribute, bound"),
            (drive(closed(client_model="fibres")), "client_model must be one of"),
            (drive(connect, timeout_s=0), "timeout_s must be a number of seconds above 0"),
            (drive(connect, timeout_s=float("nan")), "timeout_s must be a number"),
            (drive(connect, timeout_s="30"), "timeout_s must be a number"),
            (drive(connect, stamped=1), "stamped must be true or false"),
            (drive(connect, stamped=None), "stamped must be true or false"),
        ):
            with self.subTest(order=order), self.assertRaisesRegex(OrderError, why):
                parse_drive(order)

    def test_target(self) -> None:
        with self.assertRaisesRegex(OrderError, "port must be a whole number from 1 to 65535"):
            parse_target(line({"address": "127.0.0.1", "port": 0}))
