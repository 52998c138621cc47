"""Start the simulated Exchange server as a process of its own, and steer it."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

from email_router.core.mailbox import Authentication, Direction, Profile
from tests.simulators.ews.world import PASSWORD, SERVICE, TOKEN
from tests.simulators.running import WatchedProcess

__all__ = ["PASSWORD", "SERVICE", "TOKEN", "EwsProcess"]


class EwsProcess(WatchedProcess):
    """A simulated Exchange server."""

    package = "ews"
    speaks = "ews"
    host = "localhost"

    @property
    def root(self) -> str:
        """The server's address."""
        return self.address

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
        return self.call("GET" if body is None else "POST", path, body)
