"""Rows of numbers in memory that another process maps and reads while they are being written."""

from __future__ import annotations

import mmap
import os
import tempfile

from .events import Failure


class SharedRows:
    """Zeros at first, shared with every process forked from here on.

    Attributes:
        memory: the rows, one after the other.
        path: where another process of this user can open them while this one lives.
    """

    def __init__(self, name: str, rows: int, row_bytes: int) -> None:
        """Reserve and touch `rows` rows of `row_bytes` bytes.

        Raises:
            Failure: phase `name`: there is no room for them.
        """
        size = rows * row_bytes
        # The kernel sets memory files no bound: one too large does not fail, it ends whatever
        # process of the host the kernel picks.
        if size > _physical_memory() // 4:
            raise Failure(name, f"no room for {rows} rows: over a quarter of the memory")
        try:
            self._fd, self.path, self._on_disk = _open_file(name)
            # On a disk this fails here and now when there is no room, unlike a sparse file.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._fd, 0, size)
            else:
                os.ftruncate(self._fd, size)
            self.memory = mmap.mmap(self._fd, size, flags=mmap.MAP_SHARED)
        except (OSError, OverflowError, ValueError) as error:
            raise Failure(name, f"no room for {rows} rows: {error}") from None
        self._row_bytes = row_bytes
        self.touch(0, rows)

    def touch(self, first_row: int, rows: int) -> None:
        """Map the pages of `rows` not yet written rows, lest the first stores fault.

        A forked process does so again for its own rows: it does not inherit the page tables of
        shared memory.
        """
        end = (first_row + rows) * self._row_bytes
        for offset in (*range(first_row * self._row_bytes, end, mmap.PAGESIZE), end - 1):
            self.memory[offset] = 0

    def close(self) -> None:
        """Remove the file, where there is one; the agent has opened it by now."""
        if self._on_disk and os.path.exists(self.path):
            os.unlink(self.path)


def _physical_memory() -> int:
    """Return the memory of this host in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _open_file(name: str) -> tuple[int, str, bool]:
    """Return a file descriptor, a path to open it by, and whether that path is on a disk."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create(f"rpycbench-{name}")
        return fd, f"/proc/{os.getpid()}/fd/{fd}", False
    fd, path = tempfile.mkstemp(prefix=f"rpycbench-{name}-")
    return fd, path, True
