"""The tables of the simulated organisation, made from the Common Data Model (or its summary) and the table reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from tests.simulators.dataverse import cdm, inherited, notes, summary, webhooks
from tests.simulators.dataverse.columns import Column

_REGARDING = ("account", "contact", "lead", "incident", "queue", "systemuser", "knowledgearticle")
_PARTIES = ("account", "contact", "lead", "queue", "systemuser", "knowledgearticle")


@dataclass(frozen=True)
class Table:
    """`single` leads from a navigation property to (column, target table), `many` to (table, its lookup column)."""

    name: str
    set_name: str
    key: str
    primary_name: str
    privilege: str
    code: int
    columns: Mapping[str, Column]
    single: Mapping[str, tuple[tuple[str, str], ...]]
    many: Mapping[str, tuple[str, str]]

    @property
    def properties(self) -> dict[str, Column]:
        """The columns by their names in JSON."""
        return {column.property_name: column for column in self.columns.values()}


@dataclass(frozen=True)
class _Plan:
    set_name: str
    key: str
    primary_name: str
    privilege: str
    code: int
    files: tuple[str, ...] = ()
    text: str = ""


_LEAD = "foundationCommon__crmCommon__Lead"
_CASE = "foundationCommon__crmCommon__service__Case"
_PLANS = {
    "email": _Plan("emails", "activityid", "subject", "Activity", 4202, ("foundationCommon__crmCommon__Email", "Email"),
                   inherited.ACTIVITY + inherited.EMAIL),
    "activityparty": _Plan("activityparties", "activitypartyid", "addressused", "Activity", 135,
                           ("foundationCommon__crmCommon__service__ActivityParty", "ActivityParty")),
    "activitymimeattachment": _Plan("activitymimeattachments", "activitymimeattachmentid", "filename", "Activity", 1001,
                                    text=inherited.ATTACHMENT),
    "contact": _Plan("contacts", "contactid", "fullname", "Contact", 2,
                     ("foundationCommon__crmCommon__Contact", "foundationCommon__Contact", "Contact"), inherited.OWNED),
    "lead": _Plan("leads", "leadid", "fullname", "Lead", 4, (_LEAD,), inherited.OWNED),
    "account": _Plan("accounts", "accountid", "name", "Account", 1,
                     ("foundationCommon__crmCommon__Account", "foundationCommon__Account", "Account"), inherited.OWNED),
    "incident": _Plan("incidents", "incidentid", "title", "Incident", 112, (_CASE,), "incidentid guid\n" + inherited.OWNED),
    "systemuser": _Plan("systemusers", "systemuserid", "fullname", "User", 8,
                        ("foundationCommon__crmCommon__service__User", "User"), inherited.STAMPS),
    "queue": _Plan("queues", "queueid", "name", "Queue", 2020, ("Queue",), inherited.STAMPS),
    "mailbox": _Plan("mailboxes", "mailboxid", "name", "Mailbox", 9606, text=inherited.MAILBOX),
    "organization": _Plan("organizations", "organizationid", "name", "Organization", 1019, text=inherited.ORGANIZATION),
    "usersettings": _Plan("usersettingscollection", "systemuserid", "systemuserid", "UserSettings", 150, text=inherited.USER_SETTINGS),
    "annotation": _Plan("annotations", "annotationid", "subject", "Note", 5, text=notes.ANNOTATION),
    "team": _Plan("teams", "teamid", "name", "Team", 9, text=inherited.TEAM),
    "serviceendpoint": _Plan("serviceendpoints", "serviceendpointid", "name", "ServiceEndpoint", 4618,
                             text=webhooks.ENDPOINT),
    "sdkmessage": _Plan("sdkmessages", "sdkmessageid", "name", "SdkMessage", 4606, text=webhooks.MESSAGE),
    "sdkmessagefilter": _Plan("sdkmessagefilters", "sdkmessagefilterid", "name", "SdkMessageFilter", 4607,
                              text=webhooks.FILTER),
    "sdkmessageprocessingstep": _Plan("sdkmessageprocessingsteps", "sdkmessageprocessingstepid", "name",
                                      "SdkMessageProcessingStep", 4608, text=webhooks.STEP),
}  # fmt: skip

_MANY = {
    "email": {
        "email_activity_parties": ("activityparty", "activityid"),
        "email_activity_mime_attachment": ("activitymimeattachment", "objectid"),
        "Email_Annotation": ("annotation", "objectid"),
    }
}
_EMAIL_NAVIGATION = {
    "parentactivityid": "parentactivityid",
    "correlatedactivityid": "CorrelatedActivityId_Email",
    "sendermailboxid": "sendermailboxid_email",
    "receivingmailboxid": "ReceivingMailboxId_Email",
    "acceptingentityid": "acceptingentityid",
    "templateid": "templateid",
    "slaid": "sla_email_sla",
    "slainvokedid": "slainvokedid_email_sla",
}
_TARGETS = {
    ("email", "regardingobjectid"): _REGARDING,
    ("email", "emailsender"): _PARTIES,
    ("activityparty", "partyid"): _PARTIES,
    ("activityparty", "activityid"): ("email",),
}
"""What the tables point to once the Sales and Service solutions are there; the files of the base name fewer."""


_KNOWN = {"whole": cdm.FOLDER.is_dir()}


def tables() -> dict[str, Table]:
    """Return all tables by logical name: whole where Microsoft's description is here, else with the columns of the summary."""
    return whole() if _KNOWN["whole"] else summed_up()


def forget_the_description() -> None:
    """From now on know what a checkout alone knows."""
    _KNOWN["whole"] = False


@lru_cache(maxsize=1)
def whole() -> dict[str, Table]:
    """Return all tables as Microsoft describes them."""
    return {name: _table(name, plan, _described(plan)) for name, plan in _PLANS.items()}


@lru_cache(maxsize=1)
def summed_up() -> dict[str, Table]:
    """Return all tables with the columns of the summary only."""
    return {name: _table(name, plan, _summed_up(name)) for name, plan in _PLANS.items()}


def by_set(set_name: str) -> Table | None:
    """Return the table of an entity set, or None."""
    return next((table for table in tables().values() if table.set_name == set_name), None)


_Described = tuple[dict[str, Column], list[str]]
"""Columns, and the groups of further ones."""


def _described(plan: _Plan) -> _Described:
    columns: dict[str, Column] = {}
    for file in plan.files:
        own = {
            key: column for key, column in cdm.columns_of(file).items() if (key, column.kind) != (plan.key, "lookup")
        }
        columns = own | columns
    return columns, [group for file in plan.files for group in cdm.groups_of(file)]


def _summed_up(name: str) -> _Described:
    return summary.columns_of(name), list(summary.groups_of(name))


def _table(name: str, plan: _Plan, described: _Described) -> Table:
    columns, groups = described
    for text in (plan.text, *(inherited.GROUPS[group] for group in groups)):
        columns |= {key: column for key, column in inherited.columns(text).items() if key not in columns}
    columns = {key: _settled(name, plan, column) for key, column in columns.items()}
    return Table(
        name,
        plan.set_name,
        plan.key,
        plan.primary_name,
        plan.privilege,
        plan.code,
        columns,
        _single(name, columns),
        _MANY.get(name, {}),
    )


def _settled(name: str, plan: _Plan, column: Column) -> Column:
    """Give a column its targets, and say whether a client may write it."""
    targets = _TARGETS.get((name, column.name), column.targets)
    writable = column.writable and column.name not in inherited.READ_ONLY
    if name == "email":
        writable = column.name in inherited.EMAIL_WRITABLE
    required = (
        column.required if plan.files == () else (name, column.name) == ("activityparty", "participationtypemask")
    )
    return replace(column, targets=targets, writable=writable or column.name == plan.key, required=required)


def _single(name: str, columns: Mapping[str, Column]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for column in columns.values():
        for target in column.targets:
            key = _navigation(name, column, target)
            found[key] = (*found.get(key, ()), (column.name, target))
    return found


def _navigation(name: str, column: Column, target: str) -> str:
    """Return the name of a navigation property, as the reference's ReferencingEntityNavigationPropertyName has it."""
    if name == "email":
        if column.name == "regardingobjectid":
            return f"regardingobjectid_{target}_email"
        if column.name in {"emailsender", "sendersaccount"}:
            return f"{column.name}_{target}"
        return _EMAIL_NAVIGATION.get(column.name, f"{column.name}_email")
    if name == "activityparty" and column.name == "activityid":
        return "activityid_email"
    if column.name in {"ownerid", "owninguser", "owningteam"} or len(column.targets) == 1:
        return f"{column.name}_email" if (name, column.name) == ("activitymimeattachment", "objectid") else column.name
    return f"{column.name}_{target}"
