"""Run the command `email-router` as a person does: a process of its own, its output read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).parent / "email-router"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What standard output holds: one object, and nothing else."""
        return json.loads(self.out)


def email_router(*arguments: object, env: Mapping[str, str] | None = None, within: float = 240) -> Ended:
    """Run the command to its end."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
