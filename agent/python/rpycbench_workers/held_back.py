"""Whether an HTTP server makes its client wait for the second half of an answer.

A server that writes head and body apart and leaves Nagle's algorithm on (RFC 896) can send the body
only when the client has acknowledged the head: one more round trip, which no counter of the client
shows. It is found by acknowledging late: with delayed acknowledgements a body that waits for one
comes milliseconds after its head, any other comes at once.
"""

from __future__ import annotations

import socket
import time

from .listening import authority
from .order import Target

# Delayed acknowledgements take 40 ms, and Werkzeug's closing, which sends what is left, 10 ms. Two
# writes in a row take some ten microseconds.
_HELD_BACK_S = 0.005
# A busy machine may pause a server between its writes; one that holds back does so every time.
_TRIES = 3


def waits_in_answer(target: Target, path: str, timeout_s: float) -> int:
    """Return how often the client waits inside one answer to GET `path`, by new connections.

    0 where the system cannot delay acknowledgements (it is not Linux).

    Raises:
        OSError: the server cannot be reached or does not answer.
    """
    if not hasattr(socket, "TCP_QUICKACK"):
        return 0
    least = _once(target, path, timeout_s)
    for _ in range(_TRIES - 1):
        if least == 0:
            break
        least = min(least, _once(target, path, timeout_s))
    return least


def _once(target: Target, path: str, timeout_s: float) -> int:
    host = authority(target.address, target.port)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()
    with socket.create_connection((target.address, target.port), timeout_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        connection.sendall(request)
        answer = b""
        waits = 0
        arrived = 0.0
        while not _is_whole(answer):
            # The kernel turns it on again by itself.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            data = connection.recv(65536)
            now = time.monotonic()
            if not data:
                break
            waits += bool(answer) and now - arrived > _HELD_BACK_S
            arrived = now
            answer += data
        return waits


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False
