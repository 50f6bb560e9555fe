"""The Flask server under test, on the Werkzeug server that ``app.run(threaded=True)`` starts.

Werkzeug closes the connection after each reply, whatever the client asks for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Flask, Response, jsonify
from werkzeug.serving import make_server

from .listening import Listening, cannot_bind
from .order import ServeFlask

if TYPE_CHECKING:
    from .stamps import Stamps


def application() -> Flask:
    """Return the application: ``GET /ping``."""
    app = Flask(__name__)

    @app.get("/ping")
    def ping() -> Response:
        return jsonify({"response": "pong"})

    return app


def serve(order: ServeFlask, listening: Listening, stamps: Stamps | None) -> None:
    """Serve in this thread until the process ends.

    Raises:
        Failure: phase "bind".
    """
    # The study had it so: a line on stderr for every request would be part of what is measured.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    handler = None  # Werkzeug's own
    if stamps is not None:
        from .stamped_flask import stamped_handler

        handler = stamped_handler(stamps)
    try:
        server = make_server(
            order.address, order.port, application(), threaded=True, request_handler=handler
        )
    except OSError as error:
        raise cannot_bind(order.address, order.port, error) from None
    except SystemExit as exit_request:
        # Werkzeug prints why it cannot bind and exits; the error itself is the context.
        if isinstance(exit_request.__context__, OSError):
            raise cannot_bind(order.address, order.port, exit_request.__context__) from None
        raise
    listening(server.port)
    server.serve_forever()
