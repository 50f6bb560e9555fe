"""The requests library as it ships: a default Session per client, no retries."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from typing import Any

import requests
from urllib3 import connection as urllib3_connection
from urllib3.connectionpool import HTTPConnectionPool

from .held_back import waits_in_answer
from .listening import authority
from .order import Target
from .reasons import WrongReply
from .stack import Opening, Pairing, Traffic

PATH = "/ping"


class RequestsStack:
    """Requests against one server; `timeout_s` bounds the connection and each wait for data."""

    def __init__(self, target: Target, timeout_s: float, *, stamped: bool) -> None:
        """Connect to nothing yet."""
        self.stamped = stamped
        self._target = target
        self._url = f"http://{authority(target.address, target.port)}{PATH}"
        self._timeout_s = timeout_s
        self._waits_in_answer = 0

    def prepare_calls(self) -> None:
        """Find out what no counter of a client shows; the rest is counted while it happens."""
        self._waits_in_answer = waits_in_answer(self._target, PATH, self._timeout_s)

    def client(self) -> RequestsClient:
        """Return a client; it connects with its first call."""
        return RequestsClient(
            self._url, self._timeout_s, self._waits_in_answer, stamped=self.stamped
        )

    def connection(self) -> RequestsConnection:
        """Return a connection, not open yet, of a Session of its own."""
        return RequestsConnection(self._url, self._timeout_s)

    def open_unrecorded(self) -> Opening:
        """Open a connection: TCP is waited for, nothing else."""
        connection = self.connection()
        try:
            connection.connect()
        finally:
            connection.close(peer_answers=False)
        return Opening(round_trips=1.0, requests=0)


class RequestsClient:
    """A Session that sends one GET per call."""

    def __init__(self, url: str, timeout_s: float, waits_in_answer: int, *, stamped: bool) -> None:
        """Open the Session and find the pool that its calls will use."""
        self._waits_in_answer = waits_in_answer
        self._session = requests.Session()
        self._pool = pool_of(self._session, url)
        self._opened = count_connections(self._pool, note_ports=stamped)
        self.opened_port = self._opened.take_port if stamped else None
        self._opened_before = 0
        self._requests_before = 0
        self.call: Callable[[], Any] = functools.partial(self._session.get, url, timeout=timeout_s)
        self.size: Callable[[Any], int] = body_size

    def start_counting(self) -> None:
        """Take note of the counters."""
        self._opened.take_port()  # lest one of the warm-up is taken for the first call's
        self._opened_before = self._opened()
        self._requests_before = self._pool.num_requests

    def traffic(self, calls: int) -> Traffic:
        """Return what the counters have gained."""
        opened = self._opened() - self._opened_before
        asked = self._pool.num_requests - self._requests_before
        return Traffic(opened, opened + asked * (1 + self._waits_in_answer))

    def pairing(self, calls: int, *, failed: bool) -> Pairing:
        """Return that a call that opened a connection made its first request."""
        return Pairing(port=None, first=0, each=1, waited=1)

    def close(self, *, peer_answers: bool) -> None:
        """Close the Session; nobody waits for anybody in HTTP."""
        self._session.close()


class RequestsConnection:
    """A connection from the pool of a new Session."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Open the Session and take a connection, not open yet, from its pool."""
        self._session = requests.Session()
        adapter = self._session.get_adapter(url)
        assert isinstance(adapter, requests.adapters.HTTPAdapter)  # what a Session ships with
        # What a call does, short of making a request: urllib3 has no public way to connect only.
        pool = adapter.poolmanager.connection_from_url(url)
        self._connection = pool._get_conn()
        self._connection.timeout = timeout_s

    def connect(self) -> None:
        """Open the TCP connection."""
        self._connection.connect()

    def make_ready(self) -> None:
        """Nothing to do: HTTP can send its first request on a bare TCP connection."""

    def port(self) -> int:
        """Return its local port, or 0 when it is not open."""
        return local_port(self._connection.sock)

    def close(self, *, peer_answers: bool) -> None:
        """Disconnect, if connected."""
        self._connection.close()
        self._session.close()


def pool_of(session: requests.Session, url: str) -> HTTPConnectionPool:
    """Return the pool that `session.get(url)` takes its connections from."""
    adapter = session.get_adapter(url)
    assert isinstance(adapter, requests.adapters.HTTPAdapter)  # what a Session ships with
    # The settings are part of the pool's key, so they have to be found as a call finds them.
    settings: Any = session.merge_environment_settings(url, {}, None, None, None)
    pool = adapter.get_connection_with_tls_context(
        requests.Request("GET", url).prepare(),
        verify=settings["verify"],
        proxies=settings["proxies"],
        cert=settings["cert"],
    )
    assert isinstance(pool, HTTPConnectionPool)
    return pool


class _Count:
    """A number that grows by one at a time; call it to read it."""

    def __init__(self) -> None:
        self._number = 0
        self.last_port = 0

    def add(self) -> None:
        self._number += 1

    def __call__(self) -> int:
        return self._number

    def take_port(self) -> int:
        """Return the local port of the last connection, unless it has been returned before."""
        port, self.last_port = self.last_port, 0
        return port


def count_connections(pool: HTTPConnectionPool, *, note_ports: bool) -> _Count:
    """Have `pool` count the TCP connections that it opens from now on, and note their ports.

    Its own `num_connections` counts connection objects, and such an object quietly opens a new TCP
    connection for each request when the server closes after each reply.

    A port is noted inside the measured call, and takes one or two microseconds of it: by the end
    of the call a server that closes has made urllib3 close the socket.
    """
    count = _Count()

    class HTTPConnection(urllib3_connection.HTTPConnection):  # the name shows in errors
        def connect(self) -> None:
            super().connect()
            count.add()

    class NotingConnection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            count.last_port = local_port(self.sock)

    NotingConnection.__name__ = "HTTPConnection"
    pool.ConnectionCls = NotingConnection if note_ports else HTTPConnection
    return count


def local_port(opened: socket.socket | None) -> int:
    """Return the local port of a socket, or 0 for none."""
    return 0 if opened is None else int(opened.getsockname()[1])


def body_size(reply: requests.Response) -> int:
    """Return the body of a good reply in bytes."""
    size = len(reply.content)
    if reply.status_code != 200:
        raise WrongReply(f"HTTP {reply.status_code}", size)
    return size
