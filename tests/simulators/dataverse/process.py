"""Start the simulated Dataverse as a process of its own, and steer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from tests.simulators.graph.world import CLIENT, SECRET, TENANT
from tests.simulators.steering import ApiProcess, Json

__all__ = ["CLIENT", "SECRET", "TENANT", "DataverseProcess", "SummaryProcess"]


class DataverseProcess(ApiProcess):
    """A simulated organisation with its login host."""

    package = "dataverse"

    @property
    def url(self) -> str:
        """The organisation's address."""
        return self.address

    def put(self, table: str, **row: Any) -> Json:
        """Write a row as an administrator would; lookups as {"table", "id"}."""
        return self.control("POST", "rows", {"table": table, "row": row})

    def rows(self, table: str) -> list[Json]:
        """Return all rows of a table."""
        found: list[Json] = self.control("GET", f"rows?{urlencode({'table': table})}")["rows"]
        return found

    def reset(self) -> None:
        """Begin anew; who is signed in stays signed in."""
        self.control("POST", "reset", {})

    def settings(self, **wanted: Any) -> Json:
        """Set member, denied, token_seconds, alternate_keys and the limits requests, seconds, at_once, window.

        Done at once: spend_requests, spend_seconds, clear_limits, revoke_tokens.
        """
        return self.control("POST", "settings", wanted)

    def application(self, *, client_id: str = CLIENT, secrets: Sequence[str] = (), expired: Sequence[str] = ()) -> None:
        """Register an application anew."""
        self.control(
            "POST", "applications", {"client_id": client_id, "secrets": list(secrets), "expired": list(expired)}
        )

    def webhooks(self, **wanted: Any) -> list[Json]:
        """Set how webhooks are posted (ca_pem, lose, duplicate, oversize, delay); return all that were: url, body, status, seconds."""
        found: list[Json] = self.control("POST", "webhooks", wanted)["posted"]
        return found

    def violations(self) -> list[str]:
        """Return what was asked or answered against Microsoft's description since the last call."""
        found: list[str] = self.control("GET", "violations")["violations"]
        return found


class SummaryProcess(DataverseProcess):
    """One that knows what a checkout alone knows of the tables: what a user's own checkout can start."""

    def options(self) -> list[str]:
        """Return further options of its command."""
        return [*super().options(), "--summary"]
