"""Run a simulator from the command line: its options, what fills it, and serving until it is told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path
from typing import Any

from tests.simulators.serving import HttpsServer


def options(name: str, about: str | None) -> argparse.ArgumentParser:
    """Return what every simulator asks: port, certificate and key."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.simulators.{name}", description=about)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    return parser


def seeded_options(name: str, about: str | None) -> argparse.ArgumentParser:
    """Return what a simulator that holds something from the beginning asks."""
    parser = options(name, about)
    parser.add_argument("--seed", type=Path)
    parser.add_argument("--ready", type=Path, help="written once the port is open, with its number")
    return parser


def seed_of(file: Path | None) -> dict[str, Any]:
    """Return what the simulator holds from the beginning: nothing without a file."""
    found: dict[str, Any] = json.loads(file.read_text()) if file else {}
    return found


def serve(server: HttpsServer, ready: Path | None) -> int:
    """Serve until SIGTERM; return the process's exit code."""
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if ready:
        ready.write_text(json.dumps({"port": server.server_address[1]}))
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0
