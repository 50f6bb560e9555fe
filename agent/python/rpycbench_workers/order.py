"""Orders as the agent writes them, parsed once into values that need no further checks.

Every function takes one JSON line and raises `OrderError` with a sentence that names the key.
Unknown keys are errors, as everywhere in rpycbench.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

RpycMode = Literal["threaded", "forking"]
ClientModel = Literal["threads", "processes"]
Call = Literal["attribute", "bound"]


class OrderError(ValueError):
    """The order cannot be carried out as it is written."""


@dataclass(frozen=True)
class Stamping:
    """Stamp each request: `each` of them for each of `connections` connections.

    Threaded servers count them together; of a forking one each connection has its own `each`.
    """

    connections: int
    each: int


@dataclass(frozen=True)
class ServeRpyc:
    """Serve RPyC on `address`:`port` (port 0: any free one)."""

    mode: RpycMode
    address: str
    port: int
    stamps: Stamping | None = None


@dataclass(frozen=True)
class ServeFlask:
    """Serve Flask on Werkzeug's threaded server on `address`:`port` (port 0: any free one)."""

    address: str
    port: int
    stamps: Stamping | None = None


@dataclass(frozen=True)
class Connect:
    """Open `count` connections one after the other, after `warmup` that are not recorded."""

    count: int
    warmup: int


@dataclass(frozen=True)
class Closed:
    """`clients` at once, each sending its next call when the one before has been answered.

    `requests` and `warmup` are calls per client; `warmup` calls are not recorded.
    """

    clients: int
    requests: int
    warmup: int
    client_model: ClientModel
    call: Call


@dataclass(frozen=True)
class Drive:
    """What to drive with and how; where comes later, in a `Target`.

    `timeout_s` bounds one call or one connection, in seconds. `stamped`: tell which of the server's
    stamps belong to which call.
    """

    stack: Literal["rpyc", "requests"]
    workload: Connect | Closed
    timeout_s: float
    stamped: bool = False


@dataclass(frozen=True)
class Target:
    """The server to drive."""

    address: str
    port: int


def parse_serve(line: bytes) -> ServeRpyc | ServeFlask:
    """Return the order of a server."""
    order = _Keys("order", _json(line))
    stack = order.one_of("stack", "rpyc", "flask")
    modes = ("threaded", "forking") if stack == "rpyc" else ("threaded",)
    mode = order.one_of("mode", *modes)
    address = order.text("address")
    port = order.whole("port", least=0, most=65535)
    stamps = _stamping(_Keys("stamps", order.take("stamps"))) if "stamps" in order else None
    order.end()
    if stack == "flask":
        return ServeFlask(address, port, stamps)
    return ServeRpyc("forking" if mode == "forking" else "threaded", address, port, stamps)


def parse_drive(line: bytes) -> Drive:
    """Return the order of a driver."""
    order = _Keys("order", _json(line))
    stack = order.one_of("stack", "rpyc", "requests")
    workload = _workload(_Keys("workload", order.take("workload")), shape_matters=stack == "rpyc")
    timeout_s = order.seconds("timeout_s")
    stamped = "stamped" in order and order.yes_or_no("stamped")
    order.end()
    return Drive("rpyc" if stack == "rpyc" else "requests", workload, timeout_s, stamped)


def parse_target(line: bytes) -> Target:
    """Return where the server listens."""
    order = _Keys("target", _json(line))
    target = Target(order.text("address"), order.whole("port", least=1, most=65535))
    order.end()
    return target


def _stamping(keys: _Keys) -> Stamping:
    stamping = Stamping(keys.whole("connections", least=1), keys.whole("each", least=1))
    keys.end()
    return stamping


def _workload(keys: _Keys, *, shape_matters: bool) -> Connect | Closed:
    workload: Connect | Closed
    if keys.one_of("kind", "connect", "closed") == "connect":
        workload = Connect(keys.whole("count", least=1), keys.whole("warmup", least=0))
    else:
        clients = keys.whole("clients", least=1)
        requests = keys.whole("requests", least=1)
        warmup = keys.whole("warmup", least=0)
        model = keys.one_of("client_model", "threads", "processes")
        # HTTP has one way to make a call, so the key may be left out there.
        call = "attribute"
        if shape_matters or "call" in keys:
            call = keys.one_of("call", "attribute", "bound")
        workload = Closed(
            clients,
            requests,
            warmup,
            "processes" if model == "processes" else "threads",
            "bound" if call == "bound" else "attribute",
        )
    keys.end()
    return workload


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError as error:  # also what undecodable bytes raise
        raise OrderError(f"not a line of JSON: {error}") from None


class _Keys:
    """The keys of one JSON object, taken one by one so that what is left over is known."""

    def __init__(self, name: str, value: object) -> None:
        if not isinstance(value, dict):
            raise OrderError(f"{name} must be an object")
        self._name = name
        self._left: dict[str, Any] = dict(value)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str) -> Any:
        try:
            return self._left.pop(key)
        except KeyError:
            raise OrderError(f"{self._name} has no {key}") from None

    def one_of(self, key: str, *names: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or value not in names:
            raise OrderError(f"{key} must be one of {', '.join(names)}, not {value!r:.80}")
        return value

    def text(self, key: str) -> str:
        value = self.take(key)
        # NUL would be cut off, or refused, far from here.
        if not isinstance(value, str) or not value or "\0" in value:
            raise OrderError(f"{key} must be text")
        return value

    def whole(self, key: str, *, least: int, most: int = 2**31 - 1) -> int:
        value = self.take(key)
        if type(value) is not int or not least <= value <= most:  # True is an int to isinstance
            raise OrderError(f"{key} must be a whole number from {least} to {most}")
        return value

    def yes_or_no(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise OrderError(f"{key} must be true or false")
        return value

    def seconds(self, key: str) -> float:
        value = self.take(key)
        if type(value) not in (int, float) or not math.isfinite(value) or value <= 0:
            raise OrderError(f"{key} must be a number of seconds above 0")
        return float(value)

    def end(self) -> None:
        if self._left:
            raise OrderError(f"{self._name} has unknown keys: {', '.join(sorted(self._left)):.200}")
