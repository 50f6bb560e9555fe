"""Werkzeug's request handler, stamping each request that it serves."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from werkzeug.serving import WSGIRequestHandler

from .clock import CLOCK, now
from .stamps import ConnectionStamps, Stamps


def stamped_handler(stamps: Stamps) -> type[WSGIRequestHandler]:
    """Return a handler that stamps in `stamps`; a server makes one for each connection."""

    class StampedHandler(WSGIRequestHandler):
        def setup(self) -> None:
            super().setup()
            self._stamps = stamps.connection(self.client_address[1])
            self.wfile = StampedWriter(self.wfile, self._stamps)

        def parse_request(self) -> bool:
            parsed = super().parse_request()
            if parsed:
                self._stamps.received()
            return parsed

    return StampedHandler


class StampedWriter(io.BufferedIOBase):
    """A writer that stamps each write: an answer takes several, and the last one counts."""

    def __init__(self, writer: BinaryIO | io.BufferedIOBase, stamps: ConnectionStamps) -> None:
        """Take over from `writer`, which keeps nothing back."""
        self._write = writer.write
        self._stamps = stamps

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Any) -> int:
        """Write as the writer does."""
        began_ns = now(CLOCK)
        written = self._write(data)
        self._stamps.answered(began_ns)
        return written
