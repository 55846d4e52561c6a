"""Starts the emulated AWS: `launcher.py --listen 127.0.0.1:0 --admin-token TOKEN`.

Prints one JSON line with the addresses when it answers, and ends when its standard input does (so
it dies with its owner) or on SIGTERM. Without --admin-token a token is made and printed.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading
import warnings


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--listen", action="append", metavar="ADDR:PORT", help="may be repeated; port 0 is free"
    )
    parser.add_argument("--admin-token", help="guards the paths under /_skep/")
    parser.add_argument("--scale", type=float, help="speed of transitional states (1 is real)")
    parser.add_argument(
        "--stay", action="store_true", help="do not end with the standard input (for a shell)"
    )
    options = parser.parse_args(argv)
    _settle_environment()

    from .admin import Admin
    from .build import build

    token = options.admin_token or secrets.token_urlsafe(18)
    gate = build(Admin(token))
    if options.scale is not None:
        from .clock import CLOCK

        CLOCK.configure(None, options.scale, None)

    from .server import Server

    servers = []
    chosen = 0
    for listen in options.listen or ["127.0.0.1:0"]:
        host, _, port = listen.rpartition(":")
        # All addresses share one port: the first free one that was found.
        server = Server(host.strip("[]"), int(port) or chosen, gate)
        chosen = chosen or server.server_port
        gate.hosts.add(host.strip("[]"))
        servers.append(server)
    done = threading.Event()
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    signal.signal(signal.SIGINT, lambda *_: done.set())
    if not options.stay:
        threading.Thread(target=_until_owner_is_gone, args=(done,), daemon=True).start()
    print(
        json.dumps(
            {
                "endpoints": [f"http://{_bracketed(s.server_name)}:{s.server_port}" for s in servers],
                "ports": [s.server_port for s in servers],
                "admin_token": token,
                "pid": os.getpid(),
            }
        ),
        flush=True,
    )
    done.wait()
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking the interpreter and moto's catalogues apart politely takes a second.
    os._exit(0)


def _settle_environment() -> None:
    """What moto reads from the environment; what an SDK of the owner would leak into it."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ |= {
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        "MOTO_ENABLE_AMI_VALIDATION": "true",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "false",
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    warnings.simplefilter("ignore")


def _until_owner_is_gone(done: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    done.set()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main())
