"""``python -m tests.faulty_rpyc WORD...``: an RPyC server that follows a script.

Words: pong, pang (a wrong reply), number, raise, die (end the process), wait (until stdin ends).
Prints its port, and "waiting" whenever it waits.
"""

from __future__ import annotations

import os
import sys

import rpyc
from rpyc.utils.server import ThreadedServer

from .script import Script

SCRIPT = Script(sys.argv[1:])


class FaultyService(rpyc.Service):  # type: ignore[misc]  # RPyC has no types
    """Answers as the script says."""

    def exposed_ping(self) -> object:
        """Do what is next."""
        word = SCRIPT.next()
        if word == "die":
            os._exit(0)
        if word == "raise":
            raise ValueError(f"not today, {object()}")
        if word == "wait":
            print("waiting", flush=True)
            sys.stdin.read()
        return {"pang": "pang", "number": 5}.get(word, "pong")


if __name__ == "__main__":
    server = ThreadedServer(FaultyService, hostname="127.0.0.1", auto_register=False)
    server.listener.listen()
    print(server.port, flush=True)
    server.start()
