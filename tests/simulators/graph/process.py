"""Start the simulated Graph as a process of its own, and steer it."""

from __future__ import annotations

import base64
import json
import ssl
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from email_router.core.mailbox import Direction, Profile
from tests.simulators.certificates import Authority, make_authority
from tests.simulators.graph.world import CLIENT, SECRET, TENANT
from tests.simulators.process import start_process, stop_process
from tests.simulators.witnessed import watch

__all__ = ["CLIENT", "SECRET", "TENANT", "GraphProcess"]

Json = dict[str, Any]


class GraphProcess:
    """A simulator on a free loopback port.  Use it as a context manager, or call start() and stop().

    `certificate` replaces the good one that `authority` issues, to show what a client does with another.
    """

    speaks = "graph"

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority | None = None,
        seed: Mapping[str, Any] | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.folder = folder
        self.authority = authority or make_authority(folder / "authority")
        self.seed = dict(seed or {})
        self.certificate = certificate
        self.port = 0

    @property
    def endpoint(self) -> str:
        """The Graph root, for a profile's `endpoint`."""
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> GraphProcess:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        certificate, key = self.certificate or self.authority.issue()
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(self.seed))
        command = [sys.executable, "-m", "tests.simulators.graph", "--port", str(self.port), "--cert", str(certificate)]
        command += ["--key", str(key), "--seed", str(seed), "--ready", str(self.folder / "ready")]
        self._process, ready = start_process(command, self.folder)
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
        """Return an incoming profile that leads here; its secret's text is SECRET."""
        leading: dict[str, Any] = {
            "name": "online",
            "direction": Direction.INCOMING,
            "server": "exchange-online",
            "protocol": "graph",
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "endpoint": self.endpoint,
            "authority": self.endpoint,
            "ca_pem": self.authority.pem,
        }
        return Profile(**{**leading, **changes})

    def put_message(self, mailbox: str, raw: bytes, folder: str = "inbox", **more: Any) -> str:
        """Put a message into a folder; return its default id.  `more`: received (datetime), is_read, is_draft."""
        received = more.pop("received", None)
        if isinstance(received, datetime):
            more["received"] = received.isoformat()
        wanted = {"mailbox": mailbox, "raw": base64.b64encode(raw).decode(), "folder": folder, **more}
        return str(self.control("POST", "messages", wanted)["id"])

    def messages(self, mailbox: str) -> list[Json]:
        """Return what is there: id, immutable_id, folder, is_read, is_draft, internet_message_id, subject, raw (bytes)."""
        rows: list[Json] = self.control("GET", f"messages?{urlencode({'mailbox': mailbox})}")["messages"]
        return [{**row, "raw": base64.b64decode(row["raw"])} for row in rows]

    def outside(self, address: str) -> list[bytes]:
        """Return the mails that left for an address that has no mailbox here."""
        rows = self.control("GET", "outside")["mails"]
        return [base64.b64decode(row["raw"]) for row in rows if row["to"] == address.lower()]

    def remove_message(self, mailbox: str, item_id: str) -> None:
        """Remove a message for good."""
        self.control("DELETE", f"messages?{urlencode({'mailbox': mailbox, 'id': item_id})}")

    def move_message(self, mailbox: str, item_id: str, folder: str) -> str:
        """Move a message as its owner would; return its new default id."""
        return str(self.control("POST", "move", {"mailbox": mailbox, "id": item_id, "folder": folder})["id"])

    def without_folder(self, mailbox: str, folder: str, *, as_plain: bool = False) -> None:
        """Take a well-known folder away; `as_plain` leaves a folder of its name that is known for nothing."""
        self.control("POST", "folders", {"mailbox": mailbox, "folder": folder, "as_plain": as_plain})

    def mailbox_state(self, address: str, state: str) -> None:
        """Make the mailbox ok, denied, disabled, missing or full."""
        self.control("POST", "mailboxes", {"address": address, "state": state})

    def application(
        self,
        *,
        client_id: str = CLIENT,
        secrets: Sequence[str] = (),
        expired: Sequence[str] = (),
        certificates: Sequence[str] = (),
        enabled: bool = True,
    ) -> None:
        """Register an application anew."""
        wanted = {"client_id": client_id, "secrets": list(secrets), "expired": list(expired)}
        self.control("POST", "applications", {**wanted, "certificates": list(certificates), "enabled": enabled})

    def settings(self, **wanted: Any) -> None:
        """Set filter_limit, token_seconds, revoke_tokens, expire_sync, quirks.

        Quirks are duplicate, empty_page, foreign_link, newest_first, text_batches, strict_ids and tells_removals.
        """
        self.control("POST", "settings", wanted)

    def notifications(self, **wanted: Any) -> Json:
        """Steer subscriptions (see subscriptions.steer); return what was posted and the subscriptions that live."""
        return self.control("POST", "notifications", wanted)

    def said(self) -> list[Json]:
        """Return what was said since the last call (see witness.Witness)."""
        rows: list[Json] = self.control("POST", "witness", {})["said"]
        return rows

    def most_at_a_time(self, mailbox: str) -> int:
        """Return how many requests were ever under way for a mailbox at a time."""
        return int(self.control("GET", f"flight?{urlencode({'mailbox': mailbox})}")["most"])

    def rules(self, mailbox: str) -> list[Json]:
        """Return the inbox rules of a mailbox as Graph shows them."""
        found: list[Json] = self.control("GET", f"rules?{urlencode({'mailbox': mailbox})}")["rules"]
        return found

    def spoil_rule(self, mailbox: str, name: str, **changes: Any) -> None:
        """Change a rule as its owner would, or as Exchange marks it: isEnabled, conditions, hasError, isReadOnly."""
        self.control("POST", "rules", {"mailbox": mailbox, "name": name, "changes": changes})

    def fault(self, match: str, kind: str, **more: Any) -> None:
        """Plant a fault (see faults.Fault) for requests whose "METHOD path" the pattern finds."""
        self.control("POST", "faults", {"match": match, "kind": kind, **more})

    def clear_faults(self) -> None:
        """Forget all faults."""
        self.control("DELETE", "faults")

    def requests(self, match: str = "") -> list[Json]:
        """Return what was said since the last clear_requests(), in order: method, path, query, prefer, body, status, answer, batched."""
        rows: list[Json] = self.control("GET", "requests")["requests"]
        return [row for row in rows if match in f"{row['method']} {row['path']}"]

    def clear_requests(self) -> None:
        """Forget what was said."""
        self.control("DELETE", "requests")

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """Make one control call."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint}/_control/{path}", data=data, method=method)
        with urllib.request.urlopen(request, context=self._trust, timeout=30) as response:
            found: Json = json.load(response)
            return found
