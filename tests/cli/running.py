"""Run the command as a user does: in a process of its own, what it prints taken apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START = "from email_router.cli.main import main; main()"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed on standard output: one JSON object and nothing else."""
        return json.loads(self.out)


def run(*arguments: str | Path, folder: Path, variables: Mapping[str, str] | None = None) -> Ran:
    """Run `email-router` with these arguments in the folder."""
    done = subprocess.run(
        [sys.executable, "-c", START, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", **(variables or {})},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
