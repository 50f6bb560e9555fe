"""When a server had received each request and answered it, in memory that the agent maps and reads.

A row is three little-endian int64: ``peer_port, received_ns, answered_ns``. Stamps are
`now(CLOCK)`:

* received: the library has the whole request. RPyC: `Channel.recv` has returned a frame. Werkzeug:
  the head is parsed; a GET has no body.
* answered: the library has the whole answer and hands the last of it to the kernel: just before
  that write. Not after it: the kernel lets who waits for the data run first when it sees fit, and
  of the answers of a host with two CPUs one in eight to one in five was with its client before the
  write had returned.

So a request and its answer always lie in this order, on one host: client's start, received,
answered, client's end.

A row with ``received_ns`` = 0 is not there yet. ``answered_ns`` is stored when the last write has
returned, a moment after the client may have the answer, and stays 0 for a request that is never
answered, such as RPyC's CLOSE. Rows are claimed in the order in which requests are received: those
with one ``peer_port`` are in the order of that connection. What finds no more rows goes without.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator
from typing import Final

from .clock import CLOCK, now
from .shared_rows import SharedRows

ROW_BYTES: Final = 24

_RECEIVED = struct.Struct("<qq")
_ANSWERED = struct.Struct("<q")
_ANSWERED_AT = 16


class Stamps(SharedRows):
    """The rows of one server, for all its connections."""

    def __init__(self, connections: int, each: int) -> None:
        """Reserve and touch `each` rows for each of `connections` connections.

        Raises:
            Failure: phase "stamps": there is no room for them.
        """
        super().__init__("stamps", connections * each, ROW_BYTES)
        self._connections = connections
        self._each = each
        self._rows = self._offsets(0, connections * each)

    def share_out(self) -> None:
        """Leave the next `each` rows to each process forked from now on, as long as there are any.

        Without this, all connections claim from all rows.
        """
        forks = itertools.count()
        fork = 0

        def before() -> None:
            nonlocal fork
            fork = next(forks)

        def in_child() -> None:
            if fork < self._connections:
                self._rows = self._offsets(fork * self._each, self._each)
                self.touch(fork * self._each, self._each)
            else:
                self._rows = iter(())

        os.register_at_fork(before=before, after_in_child=in_child)

    def connection(self, peer_port: int) -> ConnectionStamps:
        """Return what stamps the requests of a connection from `peer_port`."""
        return ConnectionStamps(self, self._rows, peer_port)

    def _offsets(self, first_row: int, rows: int) -> Iterator[int]:
        """Iterate over where rows begin; threads may share this, for the GIL takes steps whole."""
        first = first_row * ROW_BYTES
        return iter(range(first, first + rows * ROW_BYTES, ROW_BYTES))


class ConnectionStamps:
    """Stamps one connection, whose requests are answered one after the other."""

    __slots__ = ("_memory", "_peer_port", "_row", "_rows")

    def __init__(self, stamps: Stamps, rows: Iterator[int], peer_port: int) -> None:
        """Claim a row for each request from `rows`, offsets into the memory of `stamps`."""
        self._memory = stamps.memory
        self._rows = rows
        self._peer_port = peer_port
        self._row: int | None = None

    def received(self) -> None:
        """Stamp a request now."""
        at_ns = now(CLOCK)
        self._row = row = next(self._rows, None)
        if row is not None:
            _RECEIVED.pack_into(self._memory, row, self._peer_port, at_ns)

    def answered(self, at_ns: int) -> None:
        """Have the request been answered at `at_ns`; of several times the last one stays."""
        row = self._row
        if row is not None:
            _ANSWERED.pack_into(self._memory, row + _ANSWERED_AT, at_ns)
