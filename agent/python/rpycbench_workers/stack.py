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


class Client(Protocol):
    """One client, connected and ready to call.

    Attributes:
        call: makes one call and returns the reply when all of it has arrived.
        size: returns the payload of a reply in bytes, or raises `reasons.WrongReply`.
    """

    call: Callable[[], Any]
    size: Callable[[Any], int]

    def start_counting(self) -> None:
        """Take note that the measured part begins."""

    def traffic(self, calls: int) -> Traffic:
        """Return what has happened since, over `calls` calls."""
        ...

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect; without waiting for a server that no longer answers."""


class Connection(Protocol):
    """One connection, not open yet."""

    def connect(self) -> None:
        """Open the TCP connection."""

    def make_ready(self) -> None:
        """Do what else the first call needs."""

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect, if connected; without waiting for a server that no longer answers."""


class Stack(Protocol):
    """A library and the server that it is to call."""

    def prepare_calls(self) -> None:
        """Find out, on a connection of its own, what the clients need to know of a call."""

    def client(self) -> Client:
        """Return a client, connected."""
        ...

    def connection(self) -> Connection:
        """Return a connection, not open yet; what this takes is part of what is measured."""
        ...

    def connect_round_trips(self) -> float:
        """Open a connection that is not recorded; return how often it waited for the network."""
        ...
