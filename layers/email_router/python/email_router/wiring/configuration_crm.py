"""Check what [organisation.crm] says of Dynamics 365."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from email_router.core.mailbox import AutomaticMail, CreateSender
from email_router.wiring import registry
from email_router.wiring.configuration_models import ConfigurationFile, CrmTable
from email_router.wiring.configuration_problems import Problem

_HERE = ("organisation", "crm")
_NO_EFFECT = 'no effect with deliver = "server": Dynamics 365 decides what is tracked and what it continues, and makes its own contacts'
_INCOMING_ONLY = frozenset(
    {
        "acceptance",
        "ambiguous_recipients",
        "ambiguous_sender",
        "changed_subject",
        "correlation",
        "hash_delta_subject_count",
        "hash_filter_keywords",
        "hash_max_count",
        "hash_min_address_count",
        "internal_email",
        "internal_email_from_queues",
        "internal_email_to_queues",
        "smart_matching",
        "smart_window_days",
        "unknown_sender",
    }
)
"""Settings of tracking by which mail that comes is judged and matched; the others are about e-mails that leave."""

_POLICIES = ("auto_reply", "bulk", "unknown_delivery_report")
_APPLICATION = "a Dataverse CRM is reached as an app registration in Microsoft Entra"


def crm_problems(file: ConfigurationFile) -> Iterator[Problem]:
    """Yield what is wrong with the CRM's table."""
    table = file.organisation.crm
    if table.kind not in registry.CRMS:
        known = ", ".join(sorted(registry.CRMS))
        yield Problem((*_HERE, "kind"), f"`kind` is {table.kind!r}: not available yet; available is {known}")
    elif table.kind == "builtin" and file.organisation.tracking.tokens_from == "crm":
        text = (
            '`tokens_from` is "crm": only Dynamics 365 gives tokens; expected "router", or a crm of kind = "dataverse"'
        )
        yield Problem(("organisation", "tracking", "tokens_from"), text)
    if table.kind == "builtin" and table.deliver == "server":
        text = '`deliver` is "server": only Dynamics 365 matches by itself; expected "router", or a crm of kind = "dataverse"'
        yield Problem((*_HERE, "deliver"), text)
    if table.kind == "builtin" and table.follow:
        text = '`follow`: the built-in CRM has no settings of its own; expected a crm of kind = "dataverse"'
        yield Problem((*_HERE, "follow"), text)
    if table.kind == "dataverse":
        for name, text in _dataverse(table):
            yield Problem((*_HERE, name), text)


def without_effect(file: ConfigurationFile) -> Iterator[str]:
    """Yield the settings that change nothing for incoming mail, since Dynamics 365 decides and matches by its own (deliver = "server")."""
    crm, tracking = file.organisation.crm, file.organisation.tracking
    if crm.kind != "dataverse" or crm.deliver != "server":
        return
    given = sorted(tracking.model_fields_set & _INCOMING_ONLY)
    if given:
        yield f"organisation.tracking: {', '.join(given)}: {_NO_EFFECT}"
    for box in file.mailboxes:
        kept_apart = {name for name in _POLICIES if getattr(box, name) is AutomaticMail.DELIVER_UNMATCHED}
        names = sorted((box.model_fields_set & {"accept"}) | kept_apart)
        if box.create_sender is not CreateSender.NONE:
            names.append("create_sender")
        if box.incoming and names:
            yield f"mailbox {box.address}: {', '.join(names)}: {_NO_EFFECT}"


def _dataverse(table: CrmTable) -> Iterator[tuple[str, str]]:
    if not table.url:
        yield "url", "`url` is missing: expected the organisation's address such as https://contoso.crm.dynamics.com"
    for name in ("url", "authority"):
        if (url := getattr(table, name)) and not _is_address(url):
            yield name, f"`{name}` is {url!r}: expected an https:// address without user and query"
    for name in ("tenant_id", "client_id"):
        if not getattr(table, name):
            yield name, f"`{name}` is missing: {_APPLICATION}"
    if not table.credentials:
        yield "credentials", f"`credentials` is missing: {_APPLICATION}, with a client secret or certificate"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme == "https" and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
        )
    except ValueError:
        return False
