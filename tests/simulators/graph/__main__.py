"""Run the simulator: python -m tests.simulators.graph --port N --cert FILE --key FILE [--seed FILE.json] [--ready FILE]."""

from __future__ import annotations

import sys

from tests.simulators.command_line import seed_of, seeded_options, serve
from tests.simulators.graph.control import seed
from tests.simulators.graph.server import GraphServer
from tests.simulators.graph.service import Service
from tests.simulators.graph.world import World


def main() -> int:
    """Serve until told to stop."""
    asked = seeded_options("graph", __doc__).parse_args()
    world = World()
    seed(world, seed_of(asked.seed))
    return serve(GraphServer(asked.port, asked.cert, asked.key, Service(world)), asked.ready)


if __name__ == "__main__":
    sys.exit(main())
