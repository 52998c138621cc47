"""Read an organisation's settings in Dataverse: tracking, and of mailboxes accept option, approval and who serves them.  Only reads.

Two batches, whatever the number of mailboxes: organisation, mailboxes and queues; then the users' own options.  Columns that an organisation
does not have are absent from its row, so nothing is selected there by name (learn.microsoft.com/power-apps/developer/data-platform/
reference/entities/organization, usersettings, mailbox, queue).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from email_router.core.followed import MailboxReading, Reading
from email_router.core.mailbox import Direction
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.connect.dataverse_errors import JsonObject
from email_router.edge.crm.dataverse_records import among, groups

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient

_ORGANIZATION = "organizations"
_MAILBOX = (
    "emailaddress,statecode,emailrouteraccessapproval,incomingemaildeliverymethod,outgoingemaildeliverymethod,incomingemailstatus,"
    "outgoingemailstatus,_regardingobjectid_value"
)
_ANNOTATED = {"Prefer": 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'}
_OWNER = "_regardingobjectid_value"
_KIND = f"{_OWNER}@Microsoft.Dynamics.CRM.lookuplogicalname"
_ACCEPT = "incomingemailfilteringmethod"
_USERS = "usersettingscollection"

_APPROVED = 1
_SERVED = (2, 1)
"""Delivery method Server-Side Synchronization or Email Router, and its test a success."""

_COLUMNS = {
    "trackingtokenidbase": "base",
    "trackingtokeniddigits": "user_digits",
    "emailcorrelationenabled": "correlation",
    "enablesmartmatching": "smart_matching",
    "hashfilterkeywords": "hash_filter_keywords",
    "hashmaxcount": "hash_max_count",
    "hashdeltasubjectcount": "hash_delta_subject_count",
    "hashminaddresscount": "hash_min_address_count",
}
_HISTORY = re.compile(r"[;,|]")
"""trackingprefix is a history of prefixes, the newest first; what parts them is in no prefix."""

_SETTING = re.compile(r"<(\w+)>([^<]*)</\1>")
"""One of orgdborgsettings, which is XML without attributes (learn.microsoft.com/power-platform/admin/environment-database-settings)."""


class DataverseSettings:
    """The settings of one organisation, and of its mailboxes."""

    def __init__(self, client: DataverseClient) -> None:
        self._client = client

    def settings(self, addresses: Sequence[str]) -> Reading:
        """Return the organisation's settings and those of the active mailboxes with these addresses; two requests at most.

        Raises what the client raises; MailboxBlocked "access_denied" names the missing privilege.
        """
        wanted = list(groups(dict.fromkeys(address.casefold() for address in addresses)))
        asked = [Request("GET", _ORGANIZATION), *map(_mailboxes, wanted), *map(_queues, wanted)]
        rows = [self._client.checked(reply).rows() for (reply,) in self._client.batch(asked)]
        organization = next(iter(rows[0]), {})
        found = [row for part in rows[1 : len(wanted) + 1] for row in part]
        queues = {str(row["queueid"]): row.get(_ACCEPT) for part in rows[len(wanted) + 1 :] for row in part}
        accepts = {**queues, **self._accepted_by_users(found)}
        return Reading(
            tracking=_tracking(organization),
            prefixes=_prefixes(organization),
            mailboxes={_address(row): _mailbox(row, organization, accepts) for row in _best(found)},
        )

    def _accepted_by_users(self, mailboxes: Iterable[JsonObject]) -> Mapping[str, object]:
        """Return the accept option of each user who has one of the mailboxes."""
        users = sorted({str(row[_OWNER]) for row in mailboxes if row.get(_KIND) == "systemuser"})
        return accepted_by_users(self._client, users)


def accepted_by_users(client: DataverseClient, users: Iterable[str]) -> Mapping[str, object]:
    """Return the accept options of users by id, in one request; a user whose settings are not to be seen is absent."""
    found: dict[str, object] = {}
    for (reply,) in client.batch([Request("GET", _options(group)) for group in groups(users)]):
        found |= {str(row["systemuserid"]): row.get(_ACCEPT) for row in client.checked(reply).rows()}
    return found


def _mailboxes(addresses: list[str]) -> Request:
    return Request(
        "GET", f"mailboxes?$select={_MAILBOX}&$filter={among('emailaddress', addresses)}", headers=_ANNOTATED
    )


def _queues(addresses: list[str]) -> Request:
    return Request("GET", f"queues?$select=emailaddress,{_ACCEPT}&$filter={among('emailaddress', addresses)}")


def _options(users: list[str]) -> str:
    return f"{_USERS}?$select=systemuserid,{_ACCEPT}&$filter={among('systemuserid', users)}"


def _address(row: JsonObject) -> str:
    return str(row.get("emailaddress") or "").casefold()


def _best(rows: Iterable[JsonObject]) -> list[JsonObject]:
    """Return one mailbox an address: the active one before those that are switched off, an approved one before others."""
    order = sorted(rows, key=lambda row: (row.get("statecode") == 0, row.get("emailrouteraccessapproval") == _APPROVED))
    return list({_address(row): row for row in order}.values())


def _mailbox(row: JsonObject, organization: JsonObject, accepts: Mapping[str, object]) -> MailboxReading:
    """A mailbox that is switched off is not approved, whatever stands there; approval counts where the organisation asks for it."""
    kind = "queue" if row.get(_KIND) == "queue" else "user"
    needed = organization.get(f"requireapprovalfor{kind}email") is not False
    approved = not needed or row.get("emailrouteraccessapproval") == _APPROVED
    option = accepts.get(str(row.get(_OWNER)))
    return MailboxReading(
        accept=option if isinstance(option, int) else None,
        approved=approved and row.get("statecode") == 0,
        served=tuple(one.value for one in Direction if row.get("statecode") == 0 and _serves(row, one.value)),
    )


def _serves(row: JsonObject, direction: str) -> bool:
    return (row.get(f"{direction}emaildeliverymethod"), row.get(f"{direction}emailstatus")) == _SERVED


def _prefixes(organization: JsonObject) -> tuple[str, ...]:
    parts = _HISTORY.split(str(organization.get("trackingprefix") or ""))
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _tracking(organization: JsonObject) -> dict[str, object]:
    """Return what the organisation says, by the field that it is here; what it leaves empty is absent."""
    more = dict(_SETTING.findall(str(organization.get("orgdborgsettings") or "")))
    found = {name: organization.get(column) for column, name in _COLUMNS.items()}
    highest, ignored = organization.get("maximumtrackingnumber"), organization.get("ignoreinternalemail")
    found["counter_digits"] = len(str(highest)) if isinstance(highest, int) else None
    found["internal_email"] = None if ignored is None else "ignore" if ignored else "track"
    found["maximum_subject_length"] = _number(more.get("MaximumSubjectLengthOnMailServer"))
    found["internal_email_to_queues"] = _switch(more.get("DoNotIgnoreInternalEmailToQueues"))
    from_queues = _switch(more.get("IgnoreInternalEmailFromQueues"))
    found["internal_email_from_queues"] = None if from_queues is None else not from_queues
    only = _switch(more.get("UseFilteringMethodOfSyncingMailboxOnlyForCorrelation"))
    found["acceptance"] = None if only is None else "syncing-mailbox" if only else "any-recipient"
    if _switch(more.get("IgnoreConversationIndexAndInReplyToForCorrelation")):
        found["correlation"] = False
    return {name: value for name, value in found.items() if value is not None}


def _number(text: str | None) -> int | str | None:
    """Return the number, or the text that is none: it is told as it stands."""
    return int(text) if text and re.fullmatch(r"\d{1,9}", text.strip()) else text


def _switch(text: str | None) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get((text or "").strip().lower())
