"""Fork the function processes of the emulator from one that has imported what all of them import, which is most of a cold start.

Both ends stand here, and both run in the emulator's own interpreter: standard library only.  The launcher asks (`Forks`), a process of one
thread forks (`python -P forking.py`, the line to the launcher as its standard input) and ends with the launcher.  What is kept is code
alone: no object that has read the environment of a function, since each has one of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import site
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_CODE = (
    *("boto3", "botocore.httpsession", "aws_lambda_powertools", "email_router.wiring.build"),
    *("email_router.edge.sources.pop3", "email_router.edge.sources.imap", "email_router.edge.senders.smtp"),
    "email_router.edge.crm.builtin",
)
_SERVICES = ("dynamodb", "s3", "sqs", "secretsmanager", "events")
_READS_THE_ENVIRONMENT = "email_router.wiring"
_LENGTH = 4


class Forks:
    """Takes the place of subprocess.Popen for the emulator's function processes.  The first use starts the process that forks."""

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def close(self) -> None:
        """Let the process that forks end; those that were forked go on."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait()

    def open(
        self,
        words: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        **others: Any,  # noqa: ANN401 - the words of Popen
    ) -> Forked | subprocess.Popen[str]:
        """Start a function's process, its input and output by pipes of text.

        What is no Python script, or wants a Python of its own settings, is started as always.
        """
        script = len(words) == 2 and words[0] == sys.executable and words[1].endswith(".py")  # noqa: PLR2004 - interpreter, script
        if not script or any(name.startswith("PYTHON") for name in env):  # which an interpreter reads when it starts
            return subprocess.Popen(words, cwd=cwd, env=env, **others)  # noqa: S603 - the emulator's own words
        ends = [os.pipe(), os.pipe(), os.pipe()]
        theirs, ours = [ends[0][0], ends[1][1], ends[2][1]], [ends[0][1], ends[1][0], ends[2][0]]
        try:
            pid = self._ask({"script": words[1], "cwd": cwd, "env": dict(env)}, theirs)
        except BaseException:
            for one in ours:
                os.close(one)
            raise
        finally:
            for one in theirs:
                os.close(one)
        return Forked(pid, ours)

    def _ask(self, order: Mapping[str, object], pipes: Sequence[int]) -> int:
        said = json.dumps(order).encode()
        with self._one_at_a_time:
            line = self._line = self._line or self._start()
            socket.send_fds(line, [len(said).to_bytes(_LENGTH, "big")], pipes)
            line.sendall(said)
            answer = line.recv(_LENGTH)
        if not answer:
            raise RuntimeError("the process that forks the functions has ended")
        return int.from_bytes(answer, "big")

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen([sys.executable, "-P", __file__], stdin=theirs.fileno())  # noqa: S603 - this file
        return ours


class Forked:
    """A function's process, as the emulator uses one; the process that forked it reaps it."""

    def __init__(self, pid: int, pipes: Sequence[int]) -> None:
        self.pid = pid
        self.stdin: IO[str] = os.fdopen(pipes[0], "w", buffering=1, encoding="utf-8")
        self.stdout: IO[str] = os.fdopen(pipes[1], encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(pipes[2], encoding="utf-8")
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:  # it has ended already
            self._handle = None

    def poll(self) -> int | None:
        """Return None while it runs."""
        if self._handle is not None and select.select([self._handle], [], [], 0)[0]:
            self._forget()
        return None if self._handle is not None else 0

    def wait(self, timeout: float | None = None) -> int:
        """Return when it has ended.  Raises TimeoutExpired."""
        if self._handle is not None and not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("function", timeout or 0)
        self._forget()
        return 0

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, which: signal.Signals) -> None:
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, which)

    def _forget(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def serve(line: socket.socket) -> None:
    """Fork a process for each order, until the other end is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps them
    prepared = False
    while True:
        head, pipes, *_ = socket.recv_fds(line, _LENGTH, 3)
        if not head:
            return
        order = json.loads(_exactly(line, int.from_bytes(head, "big")))
        if not prepared:
            prepare(filter(None, order["env"].get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep)))
            prepared = True
        pid = os.fork()
        if pid == 0:
            line.close()
            _become(order, pipes)
        for one in pipes:
            os.close(one)
        line.sendall(pid.to_bytes(_LENGTH, "big"))


def _exactly(line: socket.socket, size: int) -> bytes:
    said = bytearray()
    while len(said) < size:
        piece = line.recv(size - len(said))
        if not piece:
            raise EOFError("the launcher ended in the middle of an order")
        said += piece
    return bytes(said)


def prepare(layers: Any) -> None:  # noqa: ANN401 - an iterable of folders
    """Import what the functions have in common from the layers of the first of them; what is not there is left to each."""
    before = list(sys.path)
    for layer in layers:
        for packages in Path(layer).glob("python/lib/*/site-packages"):
            site.addsitedir(str(packages))
    for name in _CODE:
        with suppress(ImportError):
            importlib.import_module(name)
    with suppress(ImportError):
        _read_descriptions(importlib.import_module("boto3"))
    for name in [one for one in sys.modules if one.startswith(_READS_THE_ENVIRONMENT)]:
        del sys.modules[name]
    sys.path[:] = before
    gc.freeze()  # what is shared stays shared


def _read_descriptions(boto3: Any) -> None:  # noqa: ANN401 - the functions' own, not ours
    """Let the session that clients are made of by default read what the SDK knows of the services; these clients are not used."""
    for service in _SERVICES:
        boto3.client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106


def _become(order: dict[str, Any], pipes: Sequence[int]) -> None:
    """Be the function's process: its pipes, folder, environment and script.  Never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, one in enumerate(pipes):
            os.dup2(one, number)
        os.closerange(3, max(pipes) + 1)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as an interpreter opens them
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        sys.argv = [order["script"]]
        sys.path.insert(0, str(Path(order["script"]).parent))
        runpy.run_path(order["script"], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=os.dup(0)))
