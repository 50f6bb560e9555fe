"""``python -m rpycbench_workers.serve``: one server under test, in the main thread, until SIGTERM.

Takes one line on stdin, see `order.parse_serve`. Events:

* ``{"event": "listening", "port": 12345}``
* ``{"event": "failed", "phase": "order" | "import" | "bind", "reason": "..."}``, then exit code 1
"""

from __future__ import annotations

import sys

from . import lifetime
from .events import Events, Failure
from .listening import Listening
from .order import OrderError, ServeRpyc, parse_serve


def main() -> int:
    """Serve; return the exit code if the process does not end by SIGTERM (with code 0)."""
    lifetime.ignore_interrupts()
    lifetime.exit_on_sigterm()
    events = Events.instead_of_stdout()
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    try:
        _serve(line, lambda port: events.emit("listening", port=port))
    except Failure as failure:
        events.failed(failure)
    return 1  # a server does not stop by itself either


def _serve(line: bytes, listening: Listening) -> None:
    """Carry out the order in `line`."""
    try:
        order = parse_serve(line)
    except OrderError as error:
        raise Failure("order", str(error)) from None
    # Only what is asked for is imported: a server is started anew in every block of a run.
    try:
        if isinstance(order, ServeRpyc):
            if order.mode == "forking":
                lifetime.tie_children()
            from . import serve_rpyc

            serve_rpyc.serve(order, listening)
        else:
            from . import serve_flask

            serve_flask.serve(order, listening)
    except ImportError as error:
        raise Failure("import", str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
