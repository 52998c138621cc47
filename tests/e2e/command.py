"""Run the command `email-router` as a person does: a process of its own, its output read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cli.running import Ran, run

PROGRAM = Path(sys.executable).parent / "email-router"


def email_router(*arguments: object, env: Mapping[str, str] | None = None, within: float = 240) -> Ran:
    """Run the command to its end, from where the tests are run."""
    return run(*map(str, arguments), folder=Path.cwd(), variables=env, within=within)
