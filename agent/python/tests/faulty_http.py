"""``python -m tests.faulty_http WORD...``: an HTTP server that follows a script, with keep-alive.

Words: a status code, or drop (close the connection without a reply). Prints its port.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .script import Script

SCRIPT = Script(sys.argv[1:])


class FaultyHandler(BaseHTTPRequestHandler):
    """Answers as the script says, with a body of three bytes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Do what is next."""
        word = SCRIPT.next()
        if word == "drop":
            self.close_connection = True
            return
        self.send_response(int(word))
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"abc")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), FaultyHandler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
