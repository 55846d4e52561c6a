"""HTTP/1.1 with keep-alive in front of the gate.

Reads each request body whole before the application runs, which is what makes keep-alive safe on
the standard library's server. Decides nothing about AWS.
"""

from __future__ import annotations

import io
import socket
import sys
from http.server import ThreadingHTTPServer
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from .gate import Drop


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers must not wait for the acknowledgement of the header's packet.
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 300

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            answer["status"], answer["headers"] = status, headers

        try:
            content = b"".join(self.server.app(environ, start_response))
        except Drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        code, _, reason = answer["status"].partition(" ")
        self.send_response(int(code), reason)
        names = {name.lower() for name, _ in answer["headers"]}
        for name, value in answer["headers"]:
            if name.lower() not in ("content-length", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        head = environ["REQUEST_METHOD"] == "HEAD"
        if head and "content-length" in names:
            length = next(v for n, v in answer["headers"] if n.lower() == "content-length")
        else:
            length = str(len(content))
        if int(code) not in (204, 304):
            self.send_header("Content-Length", length)
        self.end_headers()
        if content and not head:
            self.wfile.write(content)
        self.wfile.flush()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Silent: the gate keeps the log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    multithread = True
    multiprocess = False
    ssl_context = None
    passthrough_errors = False
    _server_version = "AmazonEC2"

    def __init__(self, host: str, port: int, app: Any) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        self.app = app
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        # Without the reverse look-up of the base class, which can take seconds.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        failure = sys.exc_info()[1]
        if not isinstance(failure, (ConnectionError, TimeoutError, socket.timeout)):
            super().handle_error(request, client_address)

    def log(self, kind: str, message: str, *args: Any) -> None:
        print(f"{kind}: {message % args if args else message}", file=sys.stderr)
