"""Run the simulator: python -m tests.simulators.ews --port N --cert FILE --key FILE --ready FILE."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.simulators.ews.server import EwsServer


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.ews", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--ready", type=Path, required=True, help="written once the port is open, with its number")
    options = parser.parse_args()
    server = EwsServer(options.port, options.cert, options.key, options.ready.with_name("ntlm-users"))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    options.ready.write_text(json.dumps({"port": server.server_address[1]}))
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
