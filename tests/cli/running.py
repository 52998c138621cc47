"""Run the command as a user does: in a process of its own, what it prints taken apart."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

START = "from email_router.cli.main import main; main()"
KEEP_LOGS = "TESTS_KEEP_LOGS"
"""A variable that names the file to which the log lines of the functions of a command's cloud are written before it ends."""

_ENDS_WITHIN = 280.0
_one_at_a_time = threading.Lock()


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


def run(
    *arguments: str | Path, folder: Path, variables: Mapping[str, str] | None = None, within: float = _ENDS_WITHIN
) -> Ran:
    """Run `email-router` with these arguments in the folder, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="ran-") as answers:
        request = {
            "arguments": [str(one) for one in arguments],
            "folder": str(folder),
            "variables": {**os.environ, "COLUMNS": "200", **(variables or {})},
            "answers": answers,
        }
        with _one_at_a_time:
            nursery = _nursery()
            assert nursery.stdin
            nursery.stdin.write(json.dumps(request).encode() + b"\n")
            nursery.stdin.flush()
        code, deadline = Path(answers, "code"), time.monotonic() + within
        while not code.exists():
            assert nursery.poll() is None, "the process that starts the commands has died"
            assert time.monotonic() < deadline, f"email-router {arguments} did not end"
            time.sleep(0.01)
        out, err = (Path(answers, name).read_text("utf-8") for name in ("out", "err"))
        return Ran(int(code.read_text()), out, err)


@cache
def _nursery() -> subprocess.Popen[bytes]:
    """Start, once for these tests, the process that commands are forked from: importing everything takes longer than most of them."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.nursery"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "COLUMNS": "200"},
        stdin=subprocess.PIPE,
    )
    atexit.register(_end, started)
    return started


def _end(nursery: subprocess.Popen[bytes]) -> None:
    assert nursery.stdin
    nursery.stdin.close()
    nursery.wait(10)
