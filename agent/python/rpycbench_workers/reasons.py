"""Why calls failed, as few distinct one-line texts, so that equal failures can be counted."""

from __future__ import annotations

import re

LONGEST = 200
"""Characters of one reason."""
MOST = 100
"""Distinct reasons kept for one client."""

_KEPT_AT_START = 80
_ADDRESS = re.compile(r"(?: at)? 0x[0-9a-fA-F]+")
_REMOTE_TRACEBACK = "========= Remote Traceback"


class WrongReply(Exception):
    """The call returned, but not what it should have; `size` is its payload in bytes."""

    def __init__(self, reason: str, size: int = 0) -> None:
        """Keep the size for the row."""
        super().__init__(reason)
        self.size = size


def describe(error: BaseException) -> str:
    """Return one line for `error`: its type and message, without what differs by process."""
    # RPyC appends the server's traceback to the message.
    text = " ".join(_ADDRESS.sub("", str(error).partition(_REMOTE_TRACEBACK)[0]).split())
    if not isinstance(error, WrongReply):
        kind = type(error).__name__
        text = f"{kind}: {text}" if text else kind
    if len(text) > LONGEST:
        # Libraries wrap one error in another: the first names the kind, the last the cause.
        text = f"{text[:_KEPT_AT_START]} ... {text[_KEPT_AT_START + 5 - LONGEST :]}"
    return text


class Reasons:
    """The reasons of one client; a sample's status is 1 + the index of its reason."""

    def __init__(self) -> None:
        """Start with none."""
        self.texts: list[str] = []
        self._status: dict[str, int] = {}

    def status(self, error: Exception) -> int:
        """Return the status, >= 1, of a sample that failed with `error`."""
        text = describe(error)
        if text not in self._status:
            if len(self.texts) >= MOST:
                text = f"{type(error).__name__} (further reasons not kept apart)"
            if text not in self._status:
                self.texts.append(text)
                self._status[text] = len(self.texts)
        return self._status[text]
