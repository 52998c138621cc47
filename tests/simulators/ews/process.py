"""Start the simulated Exchange server as a process of its own, and steer it."""

from __future__ import annotations

import base64
import json
import ssl
import sys
import urllib.request
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from email_router.core.mailbox import Authentication, Direction, Profile
from tests.simulators.certificates import Authority
from tests.simulators.ews.world import PASSWORD, SERVICE, TOKEN
from tests.simulators.process import start_process, stop_process
from tests.simulators.witnessed import watch

__all__ = ["PASSWORD", "SERVICE", "TOKEN", "EwsProcess"]


class EwsProcess:
    """A simulator on a free loopback port.  Use it as a context manager, or call start() and stop()."""

    speaks = "ews"

    def __init__(self, folder: Path, authority: Authority, certificate: tuple[Path, Path] | None = None) -> None:
        self.folder = folder
        self.authority = authority
        self.certificate = certificate
        self.port = 0

    @property
    def root(self) -> str:
        """The server's address."""
        return f"https://localhost:{self.port}"

    def start(self) -> EwsProcess:
        """Start it and wait until it listens."""
        certificate, key = self.certificate or self.authority.issue()
        command = [sys.executable, "-m", "tests.simulators.ews", "--cert", str(certificate), "--key", str(key)]
        self._process, ready = start_process([*command, "--ready", str(self.folder / "ready")], self.folder)
        self.port = ready["port"]
        self._trust = ssl.create_default_context(cafile=str(self.authority.ca))
        watch.began(self)
        return self

    def stop(self) -> None:
        """End it."""
        watch.ends(self)
        stop_process(self._process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def profile(self, **changes: Any) -> Profile:
        """Return an incoming profile that leads here by NTLM and impersonation; its secret's text is PASSWORD."""
        leading: dict[str, Any] = {
            "name": "exchange",
            "direction": Direction.INCOMING,
            "server": "exchange",
            "host": "localhost",
            "port": self.port,
            "authentication": Authentication.WINDOWS,
            "username": SERVICE,
            "access": "impersonation",
            "ca_pem": self.authority.pem,
        }
        return Profile(**{**leading, **changes})

    def put(self, mailbox: str, raw: bytes, folder: str = "inbox", received: datetime | None = None) -> str:
        """Put a message into a folder; return its id."""
        moment = received.isoformat() if received else ""
        text = base64.b64encode(raw).decode()
        return str(self.control("put", {"mailbox": mailbox, "raw": text, "folder": folder, "received": moment})["id"])

    def messages(self, mailbox: str, folder: str = "") -> list[dict[str, Any]]:
        """Return what is there: id, folder, is_read, is_draft, properties, raw (bytes)."""
        rows = self.control(f"messages?mailbox={quote(mailbox)}")
        return [{**row, "raw": base64.b64decode(row["raw"])} for row in rows if folder in {"", row["folder"]}]

    def outside(self, address: str) -> list[bytes]:
        """Return the mails that left for an address that has no mailbox here."""
        return [base64.b64decode(row["raw"]) for row in self.control("outside") if row["to"] == address.lower()]

    def fault(self, match: str, kind: str, **more: Any) -> None:
        """Plant a fault for requests that hold `match`.

        Kinds: code, fault (a SOAP fault; both with `code` and `values`), status (with `status`, `headers`), raw (with `body`), close,
        lose_answer, cut; each with `times`.
        """
        self.control("fault", {"match": match, "kind": kind, **more})

    def requests(self, match: str = "") -> list[dict[str, Any]]:
        """Return what was said since the last clear: user, request, answer, status, connection."""
        return [row for row in self.control("requests") if match in row["request"]]

    def said(self) -> list[dict[str, Any]]:
        """Return what was said since the last call; the first call begins."""
        rows: list[dict[str, Any]] = self.control("witness", {})
        return rows

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Make one control call."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.root}/_control/{path}", data=data)
        with urllib.request.urlopen(request, context=self._trust, timeout=30) as response:
            return json.load(response)
