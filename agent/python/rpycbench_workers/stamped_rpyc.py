"""RPyC's connections, stamping each request that they serve.

A connection of a server answers its requests in the order in which they arrive, each before it
receives the next, so that the next thing sent is the answer. That does not hold for a service that
asks its client for something while it serves a request; a ping does not.
"""

from __future__ import annotations

from typing import Any

from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream

from .clock import CLOCK, now
from .stamps import ConnectionStamps, Stamps


class StampedService:
    """A service whose connections are stamped; in everything else, the service."""

    def __init__(self, service: Any, stamps: Stamps) -> None:
        """Stand in for `service`, a class or an instance, as what a server is to serve."""
        self._service = service
        self._stamps = stamps

    def __getattr__(self, name: str) -> Any:
        """Be the service in everything else."""
        return getattr(self._service, name)

    def _connect(self, channel: Any, config: dict[str, Any]) -> Any:
        """Connect as the service does: RPyC's servers call this for each connection."""
        _, peer = config["endpoints"]
        stamps = self._stamps.connection(peer[1])
        return self._service._connect(StampedChannel(channel, stamps), config)


class StampedChannel(Channel):  # type: ignore[misc]  # RPyC has no types
    """A channel that stamps what it receives, and the answers that it sends."""

    __slots__ = ("_stamps",)

    def __init__(self, channel: Any, stamps: ConnectionStamps) -> None:
        """Take over from `channel`."""
        super().__init__(StampedStream(channel.stream.sock), channel.compress)
        self._stamps = stamps

    def recv(self) -> Any:
        """Receive as the channel does."""
        data = Channel.recv(self)
        self._stamps.received()
        return data

    def send(self, data: Any) -> None:
        """Send as the channel does; what cannot be sent is not stamped."""
        Channel.send(self, data)
        self._stamps.answered(self.stream.began_ns)


class StampedStream(SocketStream):  # type: ignore[misc]
    """A stream that knows when its last write began."""

    __slots__ = ("began_ns",)

    def write(self, data: Any) -> None:
        """Write as the stream does: once for a small frame, three times for a large one."""
        self.began_ns = now(CLOCK)
        SocketStream.write(self, data)
