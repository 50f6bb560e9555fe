"""RPyC's own client, as RPyC ships it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import rpyc

from .order import Call, Target
from .reasons import WrongReply
from .stack import Opening, Pairing, Traffic, unpaired


class RpycStack:
    """RPyC against one server; `call` is the shape of a call, `timeout_s` bounds each request.

    The TCP connection has RPyC's own time limit of 3 s, which it does not let a caller change.
    """

    def __init__(self, target: Target, timeout_s: float, call: Call, *, stamped: bool) -> None:
        """Connect to nothing yet."""
        self.stamped = stamped
        self._target = target
        self._timeout_s = timeout_s
        self._shape = call
        self._cost = CallCost(0, 0, 0)

    def prepare_calls(self) -> None:
        """Count what one call of a closed loop takes."""
        connection = self.connect()
        alive = False
        try:
            call = shaped(connection, self._shape)
            with waits(connection) as counted:
                # Two: what a call leaves unanswered holds back the next.
                pong_size(call())
                total, waited, sent = counted.total, counted.requests, requests_sent(connection)
                pong_size(call())
            self._cost = CallCost(
                round_trips=counted.total - total,
                requests=requests_sent(connection) - sent,
                waited=counted.requests - waited,
            )
            alive = True
        finally:
            disconnect(connection, peer_answers=alive)

    def client(self) -> RpycClient:
        """Return a client with a connection of its own, its root fetched."""
        return RpycClient(self.connect(), self._shape, self._cost)

    def connection(self) -> RpycConnection:
        """Return a connection, not open yet."""
        return RpycConnection(self)

    def open_unrecorded(self) -> Opening:
        """Open a connection and count what making it ready takes, and a round trip for TCP."""
        connection = RpycConnection(self)
        alive = False
        try:
            connection.connect()
            with waits(connection.opened) as counted:
                connection.make_ready()
            alive = True
        finally:
            connection.close(peer_answers=alive)
        return Opening(1.0 + counted.total, counted.requests)

    def connect(self) -> Any:
        """Return an RPyC connection; RPyC sends nothing on it before it is used."""
        return rpyc.connect(
            self._target.address,
            self._target.port,
            config={"sync_request_timeout": self._timeout_s},
            ipv6=":" in self._target.address,
        )


@dataclass(frozen=True)
class CallCost:
    """What one call takes: round trips waited for, requests sent, and those waited for.

    Requests that are not waited for come last.
    """

    round_trips: int
    requests: int
    waited: int


class RpycClient:
    """A client on an RPyC connection."""

    def __init__(self, connection: Any, shape: Call, cost: CallCost) -> None:
        """Fetch the root, and in the bound shape the method."""
        self._connection = connection
        self._cost = cost
        self._port = 0
        self._sent_before = 0
        self.size: Callable[[Any], int] = pong_size
        self.opened_port: Callable[[], int] | None = None
        try:
            self.call = shaped(connection, shape)
        except BaseException:
            disconnect(connection, peer_answers=False)
            raise

    def start_counting(self) -> None:
        """Take note of the port, which a connection that fails forgets, and of the counter."""
        self._port = local_port(self._connection)
        self._sent_before = requests_sent(self._connection)

    def traffic(self, calls: int) -> Traffic:
        """Return the requests of `calls` calls, as counted before the clients started."""
        return Traffic(0, calls * self._cost.round_trips)

    def pairing(self, calls: int, *, failed: bool) -> Pairing:
        """Return that all calls sent the requests that were counted for one, if they did."""
        if failed and self._cost.waited < self._cost.requests:
            # The exception keeps the method, in a ring that only the garbage collector breaks.
            return unpaired("a call failed, and what it left on the server was deleted later")
        sent = requests_sent(self._connection) - self._sent_before
        expected = calls * self._cost.requests
        if sent != expected:
            return unpaired(f"{calls} calls sent {sent} requests, not {expected}")
        if self._port == 0:
            return unpaired("the connection was closed before the first call")
        return Pairing(self._port, self._sent_before, self._cost.requests, self._cost.waited)

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect."""
        disconnect(self._connection, peer_answers=peer_answers)


class RpycConnection:
    """A connection that is ready once its root is fetched."""

    def __init__(self, stack: RpycStack) -> None:
        """Connect to nothing yet."""
        self._connect = stack.connect
        self.opened: Any = None

    def connect(self) -> None:
        """Open the TCP connection."""
        self.opened = self._connect()

    def make_ready(self) -> None:
        """Fetch the root."""
        _ = self.opened.root

    def port(self) -> int:
        """Return its local port, or 0 when it is not open."""
        return 0 if self.opened is None else local_port(self.opened)

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect, if connected."""
        if self.opened is not None:
            disconnect(self.opened, peer_answers=peer_answers)


def shaped(connection: Any, shape: Call) -> Callable[[], Any]:
    """Return one call of the ping service on `connection`, whose root is fetched here."""
    root = connection.root
    if shape == "bound":
        bound: Callable[[], Any] = root.ping
        return bound

    def attribute() -> Any:
        return connection.root.ping()

    return attribute


def requests_sent(connection: Any) -> int:
    """Return how many requests have been sent on `connection`, from the counter of their numbers.

    A server has a row for each frame it has received, and a client of a ping sends nothing else.
    """
    # Only its text tells where it is without moving it on: it reads "count(3)".
    return int(repr(connection._seqcounter).removeprefix("count(").removesuffix(")"))


def local_port(connection: Any) -> int:
    """Return the local port of `connection`, or 0 when it is not open."""
    try:
        return int(connection._channel.stream.sock.getsockname()[1])
    except (EOFError, OSError):  # the first is RPyC's, for a closed stream
        return 0


def pong_size(reply: Any) -> int:
    """Return the payload of a good reply in bytes."""
    # The type first: comparing a remote object would ask the server.
    if type(reply) is str and reply == "pong":
        return 4
    if type(reply) is str:
        raise WrongReply(f"wrong reply {reply!r}", len(reply.encode("utf-8", "replace")))
    raise WrongReply(f"wrong reply of type {type(reply).__name__}")


class WatchedChannel:
    """RPyC's channel, counting the writes that the kernel holds back.

    RPyC leaves Nagle's algorithm on (RFC 896): a small write that follows another without anything
    received in between leaves only when the peer has acknowledged the first, a round trip later.
    """

    def __init__(self, channel: Any) -> None:
        """Count from now on."""
        self._channel = channel
        self._nagle = not channel.stream.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        self._unanswered = False
        self.held_back = 0

    def __getattr__(self, name: str) -> Any:
        """Be the channel in everything else."""
        return getattr(self._channel, name)

    def send(self, data: Any) -> Any:
        """Send as the channel does."""
        self.held_back += self._nagle and self._unanswered
        self._unanswered = True
        return self._channel.send(data)

    def recv(self) -> Any:
        """Receive as the channel does."""
        self._unanswered = False
        return self._channel.recv()


class Waits:
    """How often a connection has waited for the network."""

    def __init__(self, channel: WatchedChannel) -> None:
        """Count from now on."""
        self._channel = channel
        self.requests = 0

    @property
    def total(self) -> int:
        """Requests whose answers were waited for, and writes that were held back."""
        return self.requests + self._channel.held_back


@contextlib.contextmanager
def waits(connection: Any) -> Iterator[Waits]:
    """Count meanwhile how often `connection` waits for the network.

    Not for deletions of remote objects, which RPyC sends without waiting; but what is sent right
    after one is held back.
    """
    channel = connection._channel
    counted = Waits(WatchedChannel(channel))
    original = connection.sync_request

    def sync_request(handler: int, *args: Any) -> Any:
        counted.requests += 1
        return original(handler, *args)

    connection._channel = counted._channel
    connection.sync_request = sync_request
    try:
        yield counted
    finally:
        del connection.sync_request
        connection._channel = channel


def disconnect(connection: Any, *, peer_answers: bool) -> None:
    """Close `connection`, and say goodbye, which RPyC waits for, only to a server that answers."""
    with contextlib.suppress(Exception):
        if not peer_answers:
            connection._channel.close()  # RPyC has no public way to hang up
        connection.close()
