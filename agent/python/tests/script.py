"""What a faulty server does, call after call, as its command line says; the last word goes on."""

from __future__ import annotations

import threading


class Script:
    """One word for each call."""

    def __init__(self, words: list[str]) -> None:
        """Begin at the first of `words`."""
        self._words = list(words)
        self._lock = threading.Lock()

    def next(self) -> str:
        """Return the word for this call."""
        with self._lock:
            return self._words.pop(0) if len(self._words) > 1 else self._words[0]
