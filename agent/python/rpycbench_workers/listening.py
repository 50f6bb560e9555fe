"""What the servers under test have in common: telling that they listen, or why they cannot."""

from __future__ import annotations

from collections.abc import Callable

from .events import Failure

Listening = Callable[[int], None]
"""Called with the port once connections are accepted by the kernel."""


def cannot_bind(address: str, port: int, error: OSError) -> Failure:
    """Return the failure for `error`, for example "127.0.0.1:80: permission denied"."""
    why = (error.strerror or str(error)).lower()
    return Failure("bind", " ".join(f"{authority(address, port)}: {why}".split()))


def authority(address: str, port: int) -> str:
    """Return `address`:`port`, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
