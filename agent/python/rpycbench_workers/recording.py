"""The samples of a run, in memory that the agent maps and reads while it is being written.

A row is seven little-endian int64:
``start_ns, end_ns, status, bytes_in, tcp_start_ns, tcp_end_ns, port``.
Stamps are `now(CLOCK)`. Status 0 is a good call, k >= 1 failed with the client's reason k - 1.
`port` is the local port of the connection that the sample opened; 0: it opened none, or none was
asked for (`order.Drive.stamped`).

A row with ``end_ns`` = 0 is not there yet. ``end_ns`` is not the last field to be stored, so a
reader running at the same time takes a row only when the client's next row is there too; the
``driven`` event covers the last ones. Each field is stored whole on little-endian machines.
"""

from __future__ import annotations

import struct
from typing import Final

from .shared_rows import SharedRows

ROW_BYTES: Final = 56
CALL: Final = struct.Struct("<qqqq")
"""The fields of a call: start_ns, end_ns, status, bytes_in."""
CONNECTION: Final = struct.Struct("<qqqqqqq")
"""The fields of a connection: those of a call, tcp_start_ns, tcp_end_ns, port."""
PORT: Final = struct.Struct("<q")
"""The port of a call, `PORT_AT` bytes into its row."""
PORT_AT: Final = 48


class Recording(SharedRows):
    """`rows` rows, to be written with `CALL` and `PORT`, or with `CONNECTION`."""

    def __init__(self, rows: int) -> None:
        """Reserve and touch the memory.

        Raises:
            Failure: phase "recording": there is no room for it.
        """
        super().__init__("recording", rows, ROW_BYTES)
