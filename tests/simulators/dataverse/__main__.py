"""Run the simulator: python -m tests.simulators.dataverse --port N --cert FILE --key FILE [--seed FILE.json] [--ready FILE] [--summary]."""

from __future__ import annotations

import sys

from tests.simulators.command_line import seed_of, seeded_options, serve
from tests.simulators.dataverse.control import seed
from tests.simulators.dataverse.server import DataverseServer
from tests.simulators.dataverse.service import Service
from tests.simulators.dataverse.tables import forget_the_description
from tests.simulators.dataverse.world import World


def main() -> int:
    """Serve until told to stop."""
    options = seeded_options("dataverse", __doc__)
    options.add_argument("--summary", action="store_true", help="know the columns that a checkout alone knows")
    asked = options.parse_args()
    if asked.summary:
        forget_the_description()
    world = World()
    seed(world, seed_of(asked.seed))
    return serve(DataverseServer(asked.port, asked.cert, asked.key, Service(world)), asked.ready)


if __name__ == "__main__":
    sys.exit(main())
