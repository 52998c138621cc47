"""Find Dataverse's records by address, and what e-mails are about: one batch of requests for a page, one more where records were merged.

Only read; may be called again at will.  A table that the organisation does not have (leads without Sales, cases without Service) holds
nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from email_router.core.activity import About, Record
from email_router.core.errors import TryLater
from email_router.core.grouping import groups_within
from email_router.edge.connect.dataverse import DataverseClient, text
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.connect.dataverse_errors import DataverseReply, JsonObject
from email_router.edge.crm.dataverse_rows import GUID

MOST_HOPS = 10
"""The longest chain of merged records that is followed."""

_LONGEST_LIST = 12_000
"""A filter names its values once a column: with four of them it stays below the 64 KB of a batch's URL."""

_NO_SUCH_TABLE = frozenset({"0x8006088a", "0x80060888"})
_LOOKUP = "_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname"
_FORMATTED = "_regardingobjectid_value@OData.Community.Display.V1.FormattedValue"
_ANNOTATED = {"Prefer": 'odata.include-annotations="*"'}
_OWNER = "internalemailaddress"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of record: its table and set, key and name, the columns that hold addresses, how active ones are told, whether people own it."""

    kind: str
    table: str
    rows: str
    key: str
    name: str
    addresses: tuple[str, ...] = ()
    inactive: str = "statecode"
    owned: bool = True
    merged: bool = False
    optional: bool = False

    @property
    def active(self) -> str:
        """The condition that only active ones meet."""
        return "isdisabled eq false" if self.inactive == "isdisabled" else f"{self.inactive} eq 0"

    @property
    def way(self) -> str:
        """The navigation property that leads from an e-mail to a record of this kind that it is about."""
        return f"regardingobjectid_{self.table}_email"


_OF_PEOPLE = ("emailaddress1", "emailaddress2", "emailaddress3")
_OF_USERS = (_OWNER, "personalemailaddress", "mobilealertemail")
_KINDS = (
    _Kind("user", "systemuser", "systemusers", "systemuserid", "fullname", _OF_USERS, "isdisabled", owned=False),
    _Kind("contact", "contact", "contacts", "contactid", "fullname", _OF_PEOPLE, merged=True),
    _Kind("account", "account", "accounts", "accountid", "name", _OF_PEOPLE, merged=True),
    _Kind("lead", "lead", "leads", "leadid", "fullname", _OF_PEOPLE, merged=True, optional=True),
    _Kind("queue", "queue", "queues", "queueid", "name", ("emailaddress",), owned=False),
)
"""In the order in which the records of one address answer for it (router-facts: SystemUser, Contact, Account, Lead, then the others)."""

_STATE = "statecode,_masterid_value"
_CASE = _Kind("incident", "incident", "incidents", "incidentid", "title", merged=True, optional=True)
_MERGED = {kind.table: kind for kind in (*_KINDS, _CASE) if kind.merged}
_NAMES = {kind.table: kind.kind for kind in _KINDS}


def resolve(client: DataverseClient, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
    """Return the active records of each address (case folded), users first; unknown addresses are absent."""
    wanted = dict.fromkeys(address.casefold() for address in addresses)
    lists = list(groups(wanted))
    asked = [(kind, Request("GET", _by_address(kind, group))) for kind in _KINDS for group in lists]
    found: dict[str, dict[tuple[str, str], Record]] = {}
    for (kind, _), (reply,) in zip(asked, client.batch([request for _, request in asked]), strict=True):
        for row in _all_rows(client, reply, optional=kind.optional):
            for address, record in _led(kind, row, wanted):
                found.setdefault(address, {})[record.kind, record.id] = record
    return {address: tuple(records.values()) for address, records in found.items()}


def about(client: DataverseClient, activities: Sequence[str]) -> Mapping[str, About]:
    """Return what each of these e-mails is about and who owns it; an e-mail that no longer exists is absent."""
    lists = list(groups(dict.fromkeys(one.lower() for one in activities if GUID.fullmatch(one))))
    asked: list[tuple[_Kind | None, Request]] = [(None, _emails(group)) for group in lists]
    asked += [(kind, _regarding(kind, group)) for kind in _MERGED.values() for group in lists]
    emails: dict[str, JsonObject] = {}
    records: dict[tuple[str, str], JsonObject] = {}
    for (kind, _), (reply,) in zip(asked, client.batch([request for _, request in asked]), strict=True):
        for row in _all_rows(client, reply, optional=kind is not None and kind.optional):
            if kind is None:
                emails[str(row["activityid"]).lower()] = row
            elif isinstance(inner := row.get(kind.way), dict):
                records[kind.table, str(inner[kind.key])] = inner
    _follow(client, records)
    return {one: _about(emails[one.lower()], records) for one in activities if one.lower() in emails}


def known(client: DataverseClient, addresses: Sequence[str]) -> tuple[dict[str, tuple[Record, ...]], frozenset[str]]:
    """Return the active records of each address, and the addresses that any record has, active or not; one batch."""
    wanted = dict.fromkeys(address.casefold() for address in addresses)
    found: dict[str, dict[tuple[str, str], Record]] = {}
    taken: set[str] = set()
    asked = [
        (kind, Request("GET", _by_address(kind, group, all_states=True))) for kind in _KINDS for group in groups(wanted)
    ]
    for (kind, _), (reply,) in zip(asked, client.batch([request for _, request in asked]), strict=True):
        for row in _all_rows(client, reply, optional=kind.optional):
            for address, record in _led(kind, row, wanted):
                taken.add(address)
                if not row.get(kind.inactive):
                    found.setdefault(address, {})[record.kind, record.id] = record
    return {address: tuple(records.values()) for address, records in found.items()}, frozenset(taken)


def _led(kind: _Kind, row: JsonObject, wanted: Container[str]) -> Iterator[tuple[str, Record]]:
    """Yield the wanted addresses that lead to a row, with its record."""
    record = Record(kind.kind, str(row[kind.key]), str(row.get(kind.name) or ""), _owner(row, "owninguser"))
    for column in kind.addresses:
        address = str(row.get(column) or "").strip().casefold()
        if address in wanted:
            yield address, record


def groups(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield the values in lists whose text fits into a filter."""
    return groups_within(values, lambda value: (len(quote(text(value), safe="%'@")) + 1,), (_LONGEST_LIST,))


def among(column: str, values: Sequence[str]) -> str:
    """Return the condition that a column holds one of the values."""
    listed = ",".join(text(value) for value in values)
    return f"Microsoft.Dynamics.CRM.In(PropertyName='{column}',PropertyValues=[{listed}])"


def _by_address(kind: _Kind, addresses: Sequence[str], *, all_states: bool = False) -> str:
    judged = " or ".join(among(column, addresses) for column in kind.addresses)
    owner = f"&$expand=owninguser($select={_OWNER})" if kind.owned else ""
    selected = ",".join((kind.name, *((kind.inactive,) if all_states else ()), *kind.addresses))
    state = "" if all_states else f"{kind.active} and "
    return f"{kind.rows}?$select={selected}{owner}&$filter={state}({judged})&$orderby=createdon,{kind.key}"


def _emails(activities: Sequence[str]) -> Request:
    target = (
        f"emails?$select=activityid,_regardingobjectid_value&$expand=owninguser_email($select={_OWNER})"
        f"&$filter={among('activityid', activities)}"
    )
    return Request("GET", target, headers=_ANNOTATED)


def _regarding(kind: _Kind, activities: Sequence[str]) -> Request:
    inner = f"$select={kind.name},{_STATE}"
    return Request(
        "GET", f"emails?$select=activityid&$expand={kind.way}({inner})&$filter={among('activityid', activities)}"
    )


def _all_rows(client: DataverseClient, reply: DataverseReply, *, optional: bool) -> Iterator[JsonObject]:
    """Yield the rows of an answer and of the pages after it; none where the table is optional and not there."""
    if optional and reply.code in _NO_SUCH_TABLE:
        return
    yield from client.checked(reply).rows()
    link = reply.json().get("@odata.nextLink")
    if isinstance(link, str):
        for page in client.pages(link, 5000):
            yield from page


def _owner(row: JsonObject, way: str) -> str:
    """Return the address of the user who owns a row, or nothing where a team does."""
    owner = row.get(way)
    return str(owner.get(_OWNER) or "") if isinstance(owner, dict) else ""


def _follow(client: DataverseClient, records: dict[tuple[str, str], JsonObject]) -> None:
    """Read the records that these were merged into, hop by hop."""
    for hop in range(MOST_HOPS + 1):
        wanted = {
            (table, str(row["_masterid_value"])) for (table, _), row in records.items() if row.get("_masterid_value")
        }
        missing = sorted(wanted - records.keys())
        if not missing:
            return
        if hop == MOST_HOPS:
            break
        kinds = [_MERGED[table] for table, _ in missing]
        targets = [
            f"{kind.rows}({key})?$select={kind.name},{_STATE}" for kind, (_, key) in zip(kinds, missing, strict=True)
        ]
        for place, (reply,) in zip(missing, client.batch([Request("GET", target) for target in targets]), strict=True):
            gone = reply.status == 404  # noqa: PLR2004 - HTTP
            records[place] = {} if gone else client.checked(reply).json()
    raise TryLater(
        f"{client.organisation}: a record was merged more than {MOST_HOPS} times over", kind="crm_answer", shared=True
    )


def _about(email: JsonObject, records: Mapping[tuple[str, str], JsonObject]) -> About:
    owner = _owner(email, "owninguser_email")
    key, table = str(email.get("_regardingobjectid_value") or ""), str(email.get(_LOOKUP) or "")
    if not key:
        return About(None, owner)
    named = str(email.get(_FORMATTED) or "")
    row = records.get((table, key), {})
    seen = {key}
    while (master := str(row.get("_masterid_value") or "")) and master not in seen and records.get((table, master)):
        key, row = master, records[table, master]
        seen.add(master)
        named = str(row.get(_MERGED[table].name) or "")
    return About(Record(_NAMES.get(table, table), key, named), owner, inactive=bool(row.get("statecode")))
