"""The samples of a run, in memory that the agent maps and reads while it is being written.

A row is six little-endian int64: ``start_ns, end_ns, status, bytes_in, tcp_start_ns, tcp_end_ns``.
Stamps are `now(CLOCK)`. Status 0 is a good call, k >= 1 failed with the client's reason k - 1.

A row with ``end_ns`` = 0 is not there yet. ``end_ns`` is not the last field to be stored, so a
reader running at the same time takes a row only when the client's next row is there too; the
``driven`` event covers the last ones. Each field is stored whole on little-endian machines.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from typing import Final

from .events import Failure

now = time.clock_gettime_ns
CLOCK: Final = time.CLOCK_MONOTONIC_RAW
"""The clock of every stamp: never slewed, and one for all processes of the host."""

ROW_BYTES: Final = 48
CALL: Final = struct.Struct("<qqqq")
"""The fields of a call: start_ns, end_ns, status, bytes_in."""
CONNECTION: Final = struct.Struct("<qqqqqq")
"""The fields of a connection: those of a call, tcp_start_ns, tcp_end_ns."""


class Recording:
    """`rows` rows of zeros, shared with every process forked from here on.

    Attributes:
        memory: the rows, to be written with `CALL` or `CONNECTION`.
        path: where another process of this user can open them while this one lives.
    """

    def __init__(self, rows: int) -> None:
        """Reserve and touch the memory.

        Raises:
            Failure: phase "recording": there is no room for it.
        """
        size = rows * ROW_BYTES
        # The kernel sets memory files no bound: one too large does not fail, it ends whatever
        # process of the host the kernel picks.
        if size > _physical_memory() // 4:
            raise Failure("recording", f"no room for {rows} samples: over a quarter of the memory")
        try:
            self._fd, self.path, self._on_disk = _open_file()
            # On a disk this fails here and now when there is no room, unlike a sparse file.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._fd, 0, size)
            else:
                os.ftruncate(self._fd, size)
            self.memory = mmap.mmap(self._fd, size, flags=mmap.MAP_SHARED)
        except (OSError, OverflowError, ValueError) as error:
            raise Failure("recording", f"no room for {rows} samples: {error}") from None
        self.touch(0, rows)

    def touch(self, first_row: int, rows: int) -> None:
        """Map the pages of `rows` not yet written rows, lest the first stores fault.

        A forked process does so again for its own rows: it does not inherit the page tables of
        shared memory.
        """
        end = (first_row + rows) * ROW_BYTES
        for offset in (*range(first_row * ROW_BYTES, end, mmap.PAGESIZE), end - 1):
            self.memory[offset] = 0

    def close(self) -> None:
        """Remove the file, where there is one; the agent has opened it by now."""
        if self._on_disk and os.path.exists(self.path):
            os.unlink(self.path)


def _physical_memory() -> int:
    """Return the memory of this host in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _open_file() -> tuple[int, str, bool]:
    """Return a file descriptor, a path to open it by, and whether that path is on a disk."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("rpycbench-recording")
        return fd, f"/proc/{os.getpid()}/fd/{fd}", False
    fd, path = tempfile.mkstemp(prefix="rpycbench-recording-")
    return fd, path, True
