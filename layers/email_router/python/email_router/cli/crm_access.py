"""Test whether the router may do in Dynamics 365 what its configuration asks of it, and tell what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from email_router.cli.servers import REACH, MailServers
from email_router.cli.shapes import Json
from email_router.core.errors import RouterError
from email_router.wiring import least_privilege

if TYPE_CHECKING:
    from email_router.core.settings import Configuration
    from email_router.edge.crm.dataverse_privileges import Missing


@dataclass(frozen=True, slots=True)
class CrmTested:
    """What was seen of the CRM: the privileges that are missing, or the error."""

    configuration: Configuration
    missing: Sequence[Missing] = ()
    error: RouterError | None = None

    @property
    def status(self) -> str:
        """Return "error", "warning" where only what is optional is missing, or "ok"."""
        if self.error is not None or any(not one.optional for one in self.missing):
            return "error"
        return "warning" if self.missing else "ok"

    def json(self) -> Json:
        """Return it for machines."""
        error = self.error
        return {
            "kind": self.configuration.crm.kind,
            "status": self.status,
            "missing": [self._shape(one) for one in self.missing],
            "error": {"kind": error.kind, "text": str(error), "mend": error.mend} if error else None,
        }

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield a row for each thing that is wrong, or one that says that nothing is."""
        kind = self.configuration.crm.kind
        if self.error is not None:
            yield "", "", kind, "error", f"{self.error} {self.error.mend}".strip()
        elif not self.missing:
            yield "", "", kind, "ok", "signed in; every privilege that the configuration needs is there"
        for one in self.missing:
            status = "warning" if one.optional else "error"
            words = f"{least_privilege.told(one)}.  {least_privilege.mend(one, self.configuration)}"
            yield "", "", kind, status, words

    def _shape(self, one: Missing) -> Json:
        return {
            "privilege": one.privilege,
            "held": one.held or None,
            "optional": one.optional,
            "text": least_privilege.told(one),
            "mend": least_privilege.mend(one, self.configuration),
        }


def crm_tested(servers: MailServers) -> CrmTested | None:
    """Test the CRM; None where it is one that asks for no privileges.  Never raises a RouterError: it stands in the answer."""
    configuration = servers.configuration
    if configuration.crm.kind != "dataverse":
        return None
    try:
        return CrmTested(configuration, least_privilege.missing(configuration, servers.crm_secret(), REACH))
    except RouterError as trouble:
        return CrmTested(configuration, error=trouble)
