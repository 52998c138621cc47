"""Start commands from a process that has imported what they need: each is a fork of it, a process of its own.

Run as `python -m tests.cli.nursery`, one request a line on standard input: {arguments, folder, variables, answers}.  `answers` is
a folder that gets what the command says (`out`, `err`) and, when it has ended, its exit code (`code`).  The end of standard input
ends it, while its commands go on.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import select
import sys
from pathlib import Path
from typing import Any

import email_router.cli
from email_router.cli.embedded.counters import log_lines
from email_router.cli.embedded.endpoint import Endpoint
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.cli.main import main
from tests.cli.running import KEEP_LOGS

_SERVICES = ("cloudformation", "dynamodb", "events", "kms", "lambda", "logs", "s3", "secretsmanager", "sqs")
_LOOK_AGAIN = 0.01
_NOT_HERE = ("email_router.cli.embedded.launcher",)
"""What only the emulator's own interpreter can import."""


def _import_all() -> None:
    for module in pkgutil.walk_packages(email_router.cli.__path__, "email_router.cli."):
        if module.name not in _NOT_HERE:
            importlib.import_module(module.name)
    for service in _SERVICES:
        Endpoint("http://127.0.0.1").client(service)  # so the session has read what the SDK knows of it


def _become(request: dict[str, Any]) -> None:
    """Give this process, just forked, the place, environment and output of the command."""
    answers = Path(request["answers"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(answers / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.argv = ["email-router", *request["arguments"]]
    if KEEP_LOGS in os.environ:
        _keep_logs(Path(os.environ.pop(KEEP_LOGS)))


def _keep_logs(file: Path) -> None:
    """Write down what the functions of this command's cloud have logged, before it ends."""
    leave = EmbeddedCloud.__exit__

    def written_down(cloud: EmbeddedCloud, *error: Any) -> None:
        file.write_text("\n".join(log_lines(cloud.stack)), "utf-8")
        leave(cloud, *error)

    EmbeddedCloud.__exit__ = written_down  # type: ignore[method-assign]  # in this fork alone


def _tell_ended(children: dict[int, Path]) -> None:
    for child, answers in list(children.items()):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            del children[child]
            unfinished = answers / "code.unfinished"
            unfinished.write_text(str(os.waitstatus_to_exitcode(status)))
            unfinished.replace(answers / "code")


def serve() -> bool:
    """Fork at each request; return True in the child, whose turn it then is to run its command, and False at the end."""
    children: dict[int, Path] = {}
    waiting = b""
    while True:
        ready, _, _ = select.select([0], [], [], _LOOK_AGAIN if children else None)
        _tell_ended(children)
        piece = os.read(0, 65536) if ready else b""
        if ready and not piece:
            return False
        *lines, waiting = (waiting + piece).split(b"\n")
        for line in lines:
            request = json.loads(line)
            child = os.fork()
            if not child:
                _become(request)
                return True
            children[child] = Path(request["answers"])


if __name__ == "__main__":
    _import_all()
    if serve():
        main()
