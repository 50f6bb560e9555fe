"""What a stack supplies to be driven: everything else about a run is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Traffic:
    """What one client did in the measured part.

    `connections_opened` counts TCP connections; `round_trips` is how often, over all its calls, it
    waited for the network: once per connection opened, once per request answered.
    """

    connections_opened: int
    round_trips: float


@dataclass(frozen=True)
class Pairing:
    """Which rows of the server's stamps belong to the samples of one client.

    On a server, the rows of one connection are those with its local port, in their order. With a
    `port`, sample k has rows ``first + k * each`` and the ``each - 1`` after it. With None, each
    sample opened a connection of its own, has its port in the recording (0: it opened none), and
    the `each` rows from `first` on. It waited for the first `waited` of its rows. `each` is None
    where nothing of this holds, for the reason `unpaired`.
    """

    port: int | None
    first: int
    each: int | None
    waited: int
    unpaired: str | None = None


def unpaired(reason: str) -> Pairing:
    """Return the pairing of samples whose rows cannot be told."""
    return Pairing(port=None, first=0, each=None, waited=0, unpaired=reason)


@dataclass(frozen=True)
class Opening:
    """What it takes to open a connection that can carry a call.

    `round_trips` is how often the network is waited for, `requests` how many of a server's stamps
    that makes, all of them waited for.
    """

    round_trips: float
    requests: int


class Client(Protocol):
    """One client, connected and ready to call.

    Attributes:
        call: makes one call and returns the reply when all of it has arrived.
        size: returns the payload of a reply in bytes, or raises `reasons.WrongReply`.
        opened_port: returns the local port of the connection that the last call opened, once, then
            and else 0; None where it does not go into the recording.
    """

    call: Callable[[], Any]
    size: Callable[[Any], int]
    opened_port: Callable[[], int] | None

    def start_counting(self) -> None:
        """Take note that the measured part begins."""

    def traffic(self, calls: int) -> Traffic:
        """Return what has happened since, over `calls` calls."""
        ...

    def pairing(self, calls: int, *, failed: bool) -> Pairing:
        """Return where the server's stamps of these calls are; `failed`: of any of them."""
        ...

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect; without waiting for a server that no longer answers."""


class Connection(Protocol):
    """One connection, not open yet."""

    def connect(self) -> None:
        """Open the TCP connection."""

    def make_ready(self) -> None:
        """Do what else the first call needs."""

    def port(self) -> int:
        """Return its local port, or 0 when it is not open."""
        ...

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect, if connected; without waiting for a server that no longer answers."""


class Stack(Protocol):
    """A library and the server that it is to call.

    Attributes:
        stamped: whether pairings and ports are asked for.
    """

    stamped: bool

    def prepare_calls(self) -> None:
        """Find out, on a connection of its own, what the clients need to know of a call."""

    def client(self) -> Client:
        """Return a client, connected."""
        ...

    def connection(self) -> Connection:
        """Return a connection, not open yet; what this takes is part of what is measured."""
        ...

    def open_unrecorded(self) -> Opening:
        """Open a connection, close it, and return what it took."""
        ...
