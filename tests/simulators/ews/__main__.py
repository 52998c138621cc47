"""Run the simulator: python -m tests.simulators.ews --port N --cert FILE --key FILE --ready FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.simulators.command_line import options, serve
from tests.simulators.ews.server import EwsServer


def main() -> int:
    """Serve until told to stop."""
    parser = options("ews", __doc__)
    parser.add_argument("--ready", type=Path, required=True, help="written once the port is open, with its number")
    asked = parser.parse_args()
    users = asked.ready.with_name("ntlm-users")
    return serve(EwsServer(asked.port, asked.cert, asked.key, users), asked.ready)


if __name__ == "__main__":
    sys.exit(main())
