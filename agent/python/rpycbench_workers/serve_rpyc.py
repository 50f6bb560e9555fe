"""The RPyC server under test, as RPyC ships it: default protocol configuration, no NODELAY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rpyc
from rpyc.utils.server import ForkingServer, ThreadedServer

from .listening import Listening, cannot_bind
from .order import ServeRpyc

if TYPE_CHECKING:
    from .stamps import Stamps


class PingService(rpyc.Service):  # type: ignore[misc]  # RPyC has no types
    """Answers pings."""

    def exposed_ping(self) -> str:
        """Answer."""
        return "pong"


def serve(order: ServeRpyc, listening: Listening, stamps: Stamps | None) -> None:
    """Serve in this thread, which must be the main one, until the process ends.

    Raises:
        Failure: phase "bind".
    """
    kind = ForkingServer if order.mode == "forking" else ThreadedServer
    service: Any = PingService  # the class: each connection gets a service of its own
    if stamps is not None:
        from .stamped_rpyc import StampedService

        service = StampedService(service, stamps)
        if order.mode == "forking":
            stamps.share_out()
    try:
        server = kind(
            service,
            hostname=order.address,
            ipv6=":" in order.address,
            port=order.port,
            auto_register=False,
        )
        # `start` does the same again, which changes nothing; it blocks, so it cannot tell when the
        # server can be reached.
        server.listener.listen(server.backlog)
    except OSError as error:
        raise cannot_bind(order.address, order.port, error) from None
    listening(server.port)
    server.start()
