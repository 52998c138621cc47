"""Start the simulated Graph as a process of its own, and steer it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from email_router.core.mailbox import Direction, Profile
from tests.simulators.graph.world import CLIENT, SECRET, TENANT
from tests.simulators.running import WatchedProcess
from tests.simulators.steering import ApiProcess, Json

__all__ = ["CLIENT", "SECRET", "TENANT", "GraphProcess"]


class GraphProcess(WatchedProcess, ApiProcess):
    """A simulated Exchange Online with its login host."""

    package = "graph"
    speaks = "graph"

    @property
    def endpoint(self) -> str:
        """The Graph root, for a profile's `endpoint`."""
        return self.address

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

    def outside(self, address: str, header: str = "") -> list[bytes]:
        """Return the mails that left for an address that has no mailbox here; those in whose header this stands."""
        rows = self.control("GET", f"outside?{urlencode({'to': address.lower(), 'header': header})}")["mails"]
        return [base64.b64decode(raw) for raw in rows]

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
