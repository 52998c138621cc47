"""Compare the privileges of the application user in Dataverse with those that the router needs.  Only reads.

Asked by WhoAmI and RetrieveUserSetOfPrivilegesByNames, which counts what comes by roles and by teams
(learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/retrieveusersetofprivilegesbynames).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from email_router.edge.connect.dataverse import text
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.connect.dataverse_errors import NOT_FOUND

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient

_GLOBAL = "Global"
"""The depth that the security role's form calls Organization."""

_FUNCTION = "Microsoft.Dynamics.CRM.RetrieveUserSetOfPrivilegesByNames"
_OPTIONAL_TABLES = {"Lead": "lead", "Incident": "incident"}
"""By the end of a privilege's name: tables that an organisation without Sales or Service does not have."""


class Use(StrEnum):
    """What a configuration does in Dataverse."""

    ALWAYS = "the router always needs it"
    INCOMING = "incoming mail becomes e-mail activities"
    CREATE_CONTACT = 'create_sender = "contact"'
    CREATE_LEAD = 'create_sender = "lead"'
    FOLLOW_MAILBOXES = 'follow = ["mailboxes"]'
    NOTES = "notes on e-mails that were not delivered"
    OWN_EMAILS = "e-mails belong to the users who get them"
    OWN_CONTACTS = "new contacts belong to the users who get their mail"
    OWN_LEADS = "new leads belong to the users who get their mail"


OPTIONAL = frozenset({Use.NOTES, Use.OWN_EMAILS, Use.OWN_CONTACTS, Use.OWN_LEADS})
"""Uses that are done without where the privilege is missing."""

PRIVILEGES: dict[str, Use] = {
    "prvReadActivity": Use.ALWAYS,
    "prvWriteActivity": Use.ALWAYS,
    "prvReadContact": Use.ALWAYS,
    "prvReadLead": Use.ALWAYS,
    "prvReadAccount": Use.ALWAYS,
    "prvReadIncident": Use.ALWAYS,
    "prvReadQueue": Use.ALWAYS,
    "prvReadUser": Use.ALWAYS,
    "prvReadOrganization": Use.ALWAYS,
    "prvReadMailbox": Use.ALWAYS,
    "prvCreateActivity": Use.INCOMING,
    "prvAppendActivity": Use.INCOMING,
    "prvAppendToActivity": Use.INCOMING,
    "prvAppendToContact": Use.INCOMING,
    "prvAppendToLead": Use.INCOMING,
    "prvAppendToAccount": Use.INCOMING,
    "prvAppendToIncident": Use.INCOMING,
    "prvAppendToQueue": Use.INCOMING,
    "prvAppendToUser": Use.INCOMING,
    "prvCreateContact": Use.CREATE_CONTACT,
    "prvAppendContact": Use.CREATE_CONTACT,
    "prvCreateLead": Use.CREATE_LEAD,
    "prvAppendLead": Use.CREATE_LEAD,
    "prvReadUserSettings": Use.FOLLOW_MAILBOXES,
    "prvCreateNote": Use.NOTES,
    "prvReadNote": Use.NOTES,
    "prvWriteNote": Use.NOTES,
    "prvAppendNote": Use.NOTES,
    "prvAssignActivity": Use.OWN_EMAILS,
    "prvAssignContact": Use.OWN_CONTACTS,
    "prvAssignLead": Use.OWN_LEADS,
}
"""Every privilege that the router may use, and what for; docs/dynamics.md lists the same."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A privilege that the application user lacks, or has less deep than Organization (`held`; empty: not at all)."""

    privilege: str
    use: Use
    held: str = ""

    @property
    def optional(self) -> bool:
        """Tell whether the router does without it."""
        return self.use in OPTIONAL


def missing(client: DataverseClient, uses: Collection[Use]) -> Sequence[Missing]:
    """Return what the application user lacks for these uses: needed ones first.

    Two requests.  Privileges on tables that the organisation does not have are not missed.  Raises what the client raises.
    """
    wanted = [name for name, use in PRIVILEGES.items() if use in uses]
    user = client.call("GET", "WhoAmI").json()["UserId"]
    asked = [Request("GET", _held(str(user), wanted)), *map(_definition, _OPTIONAL_TABLES.values())]
    (answer,), *tables = client.batch(asked)
    depths = {
        str(one.get("PrivilegeName")): str(one.get("Depth"))
        for one in client.checked(answer).json().get("RolePrivileges") or ()
    }
    gone = tuple(
        ending
        for ending, (reply,) in zip(_OPTIONAL_TABLES, tables, strict=True)
        if client.checked(reply, (NOT_FOUND,)).status == NOT_FOUND
    )
    return _lacking([name for name in wanted if not gone or not name.endswith(gone)], depths)


def _lacking(wanted: Iterable[str], depths: dict[str, str]) -> list[Missing]:
    found = [
        Missing(name, PRIVILEGES[name], depths.get(name, "")) for name in wanted if depths.get(name, "") != _GLOBAL
    ]
    return sorted(found, key=lambda one: one.optional)


def _held(user: str, names: Sequence[str]) -> str:
    return f"systemusers({user})/{_FUNCTION}(PrivilegeNames=@p)?@p={json.dumps(names, separators=(',', ':'))}"


def _definition(table: str) -> Request:
    return Request("GET", f"EntityDefinitions(LogicalName={text(table)})?$select=LogicalName")
