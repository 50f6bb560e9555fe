"""Events: one JSON object a line, on what was stdout when the worker started."""

from __future__ import annotations

import json
import os
from typing import Any


class Failure(Exception):
    """The worker cannot go on; `phase` and `reason` go to the agent as a `failed` event."""

    def __init__(self, phase: str, reason: str) -> None:
        """Keep both for the event."""
        super().__init__(f"{phase}: {reason}")
        self.phase = phase
        self.reason = reason


class Events:
    """The agent's end of the conversation."""

    def __init__(self, fd: int) -> None:
        """Write to the open file descriptor `fd`."""
        self._file = os.fdopen(fd, "w", encoding="ascii", newline="\n")

    @classmethod
    def instead_of_stdout(cls) -> Events:
        """Take stdout for events alone: whatever a library prints goes to stderr from here on."""
        fd = os.dup(1)
        os.dup2(2, 1)
        return cls(fd)

    def emit(self, event: str, **fields: Any) -> None:
        """Write one event and flush it.

        Raises:
            BrokenPipeError: the agent is gone.
        """
        self._file.write(json.dumps({"event": event, **fields}) + "\n")
        self._file.flush()

    def failed(self, failure: Failure) -> None:
        """Write why the worker gives up."""
        self.emit("failed", phase=failure.phase, reason=failure.reason)
