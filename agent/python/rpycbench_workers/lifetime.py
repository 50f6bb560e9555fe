"""How workers and the processes they fork come to their end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

_PR_SET_PDEATHSIG = 1


def ignore_interrupts() -> None:
    """Leave Ctrl-C, which a terminal sends to every process of the group, to the agent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def exit_on_sigterm(first: Callable[[], None] | None = None) -> None:
    """Make SIGTERM an exit with code 0, after `first`: no atexit, no waiting for connections.

    It is as good an end for a child that a signal hits before `tie_children` has put back the
    default.
    """

    def leave(_signal: int, _frame: FrameType | None) -> None:
        if first is not None:
            first()
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)


def tie_children() -> None:
    """Let no process forked from now on outlive the one that forked it, nor ignore SIGTERM.

    The kernel kills a child when the *thread* that forked it ends, so fork from the main thread
    only. Where there is no such thing (not Linux), children still die by SIGTERM: the agent has to
    signal the process group.
    """
    prctl = None
    if sys.platform == "linux":
        # Costs a few milliseconds to import; PyDLL keeps the GIL, which the child's one thread has.
        import ctypes

        prctl = ctypes.PyDLL(None).prctl
        prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
        prctl.restype = ctypes.c_int
    parent = os.getpid()

    def in_child() -> None:
        nonlocal parent
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if prctl is not None and prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            os.write(2, b"cannot tie a forked process to its parent\n")
            os._exit(1)
        # The parent may have died before the kernel was told.
        if os.getppid() != parent:
            os._exit(1)
        parent = os.getpid()

    os.register_at_fork(after_in_child=in_child)
