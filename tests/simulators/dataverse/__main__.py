"""Run the simulator: python -m tests.simulators.dataverse --port N --cert FILE --key FILE [--seed FILE.json] [--ready FILE]."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.simulators.dataverse.control import seed
from tests.simulators.dataverse.server import DataverseServer
from tests.simulators.dataverse.service import Service
from tests.simulators.dataverse.world import World


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.dataverse", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--seed", type=Path)
    parser.add_argument("--ready", type=Path, help="written once the port is open, with its number")
    options = parser.parse_args()
    world = World()
    if options.seed:
        seed(world, json.loads(options.seed.read_text()))
    server = DataverseServer(options.port, options.cert, options.key, Service(world))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if options.ready:
        options.ready.write_text(json.dumps({"port": server.server_address[1]}))
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
