"""Start a simulator that speaks HTTPS as a process of its own, make control calls to it, and stop it."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from abc import ABC, abstractmethod
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.simulators.certificates import Authority
from tests.simulators.process import start_process, stop_process
from tests.simulators.witnessed import watch


class HttpsProcess:
    """A simulator on a free loopback port.  Use it as a context manager, or call start() and stop().

    `certificate` replaces the good one that `authority` issues, to show what a client does with another.
    """

    package: ClassVar[str]
    host: ClassVar[str] = "127.0.0.1"

    def __init__(self, folder: Path, authority: Authority, certificate: tuple[Path, Path] | None = None) -> None:
        self.folder = folder
        self.authority = authority
        self.certificate = certificate
        self.port = 0
        self._line: HTTPSConnection | None = None
        self._one_at_a_time = threading.Lock()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"https://{self.host}:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it listens; started again, it listens where it did."""
        certificate, key = self.certificate or self.authority.issue()
        command = [sys.executable, "-m", f"tests.simulators.{self.package}", "--port", str(self.port)]
        command += ["--cert", str(certificate), "--key", str(key), "--ready", str(self.folder / "ready")]
        self._process, ready = start_process([*command, *self.options()], self.folder)
        self.port = ready["port"]
        self._trust = ssl.create_default_context(cafile=str(self.authority.ca))
        return self

    def options(self) -> list[str]:
        """Return further options of its command."""
        return []

    def stop(self) -> None:
        """End it."""
        self._hang_up()
        stop_process(self._process)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Make one control call and return what it answers.  All go over one line: a handshake each would cost more than most tests."""
        data = json.dumps(body).encode() if body is not None else None
        with self._one_at_a_time:
            status, answer = self._asked(method, f"/_control/{path}", data)
        if status >= HTTPStatus.BAD_REQUEST:
            raise ValueError(f"{self.package}: {method} {path} was answered {status}: {answer.decode()[:200]}")
        return json.loads(answer)

    def _asked(self, method: str, target: str, data: bytes | None) -> tuple[int, bytes]:
        for kept in (self._line is not None, False):
            self._line = self._line or HTTPSConnection(self.host, self.port, timeout=30, context=self._trust)
            try:
                self._line.request(method, target, data)
                response = self._line.getresponse()
                return response.status, response.read()
            except (ConnectionError, HTTPException):
                self._hang_up()
                if not kept:  # else the simulator had ended a line that rested, and has read nothing
                    raise
        raise AssertionError("one of the two has answered or raised")

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line:
            line.close()


class WatchedProcess(HttpsProcess, ABC):
    """One whose words are held to their description while tests run (see witnessed)."""

    speaks: str

    @abstractmethod
    def said(self) -> list[dict[str, Any]]:
        """Return what was said since the last call; the first call begins."""

    def start(self) -> Self:
        """Start it and wait until it listens."""
        super().start()
        watch.began(self)
        return self

    def stop(self) -> None:
        """End it."""
        watch.ends(self)
        super().stop()
