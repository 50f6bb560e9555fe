"""``python -m rpycbench_workers.serve``: one server under test, in the main thread, until SIGTERM.

Takes one line on stdin, see `order.parse_serve`. Events:

* ``{"event": "listening", "port": 12345}``; and where stamps were asked for, ``"stamps":
  "/proc/123/fd/4"``: see `stamps` for what is in it
* ``{"event": "failed", "phase": "order" | "import" | "stamps" | "bind", "reason": "..."}``, then
  exit code 1
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import lifetime
from .events import Events, Failure
from .listening import Listening
from .order import OrderError, ServeFlask, ServeRpyc, parse_serve

if TYPE_CHECKING:
    from .stamps import Stamps


def main() -> int:
    """Serve; return the exit code if the process does not end by SIGTERM (with code 0)."""
    lifetime.ignore_interrupts()
    lifetime.exit_on_sigterm()
    events = Events.instead_of_stdout()
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    try:
        _serve(line, events)
    except Failure as failure:
        events.failed(failure)
    return 1  # a server does not stop by itself either


def _serve(line: bytes, events: Events) -> None:
    """Carry out the order in `line`."""
    try:
        order = parse_serve(line)
    except OrderError as error:
        raise Failure("order", str(error)) from None
    if order.stamps is None:
        _serve_as(order, None, lambda port: events.emit("listening", port=port))
        return
    from .stamps import Stamps

    stamps = Stamps(order.stamps.connections, order.stamps.each)
    lifetime.exit_on_sigterm(stamps.close)
    try:
        _serve_as(
            order,
            stamps,
            lambda port: events.emit("listening", port=port, stamps=stamps.path),
        )
    finally:
        stamps.close()


def _serve_as(order: ServeRpyc | ServeFlask, stamps: Stamps | None, listening: Listening) -> None:
    # Only what is asked for is imported: a server is started anew in every block of a run.
    try:
        if isinstance(order, ServeRpyc):
            if order.mode == "forking":
                lifetime.tie_children()
            from . import serve_rpyc

            serve_rpyc.serve(order, listening, stamps)
        else:
            from . import serve_flask

            serve_flask.serve(order, listening, stamps)
    except ImportError as error:
        raise Failure("import", str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
