"""Starts the double: `launcher.py --listen 127.0.0.1:0 --admin-token TOKEN`.

Prints one JSON line with the addresses when it answers, and ends when its standard input does (so it
dies with its owner) or on SIGTERM. Without --admin-token a token is made and printed.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from .admin import Admin
from .gate import Drop, Gate

# Transitional states take this part of their usual time unless said otherwise.
SCALE = 0.05


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, gate: Gate, admin: Admin) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.gate, self.admin = gate, admin
        super().__init__((host, port), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    # Small answers must not wait for the acknowledgement of the header's packet.
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 300

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        where = self.server.admin if path.startswith("/_skep/") else self.server.gate
        try:
            status, headers, answer = where.answer(
                self.command, unquote(path), query, self.headers, body
            )
        except Drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(status)
        names = {name.lower() for name, _ in headers}
        if "content-type" not in names and answer:
            headers = [("Content-Type", "application/json; charset=UTF-8"), *headers]
        for name, value in headers:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """The call log says more."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--listen", action="append", metavar="ADDR:PORT", help="may be repeated; port 0 is free"
    )
    parser.add_argument("--admin-token", help="guards the paths under /_skep/")
    parser.add_argument("--scale", type=float, default=SCALE, help="speed of states (1 is real)")
    parser.add_argument(
        "--stay", action="store_true", help="do not end with the standard input (for a shell)"
    )
    options = parser.parse_args(argv)
    token = options.admin_token or secrets.token_urlsafe(18)
    gate = Gate(options.scale)
    admin = Admin(gate, token)
    servers: list[Server] = []
    for listen in options.listen or ["127.0.0.1:0"]:
        host, _, port = listen.rpartition(":")
        # All addresses share one port: the first free one that was found.
        chosen = servers[0].server_port if servers else 0
        servers.append(Server(host.strip("[]"), int(port) or chosen, gate, admin))
    done = threading.Event()
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    signal.signal(signal.SIGINT, lambda *_: done.set())
    if not options.stay:
        threading.Thread(target=_until_owner_is_gone, args=(done,), daemon=True).start()
    ready = {
        "endpoints": [f"http://{_bracketed(str(s.server_address[0]))}:{s.server_port}" for s in servers],
        "admin_token": token,
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    done.wait()
    return 0


def _until_owner_is_gone(done: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    done.set()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main())
