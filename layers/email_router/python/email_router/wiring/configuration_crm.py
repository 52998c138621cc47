"""Check what [organisation.crm] says of Dynamics 365."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from email_router.wiring import registry
from email_router.wiring.configuration_models import ConfigurationFile, CrmTable
from email_router.wiring.configuration_problems import Problem

_HERE = ("organisation", "crm")
_APPLICATION = "a Dataverse CRM is reached as an app registration in Microsoft Entra"


def crm_problems(file: ConfigurationFile) -> Iterator[Problem]:
    """Yield what is wrong with the CRM's table."""
    table = file.organisation.crm
    if table.kind not in registry.CRMS:
        known = ", ".join(sorted(registry.CRMS))
        yield Problem((*_HERE, "kind"), f"`kind` is {table.kind!r}: not available yet; available is {known}")
    elif table.kind == "dataverse":
        for name, text in _dataverse(table):
            yield Problem((*_HERE, name), text)


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
    if table.deliver != "router":
        yield "deliver", f"`deliver` is {table.deliver!r}: not available yet; available is router"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme == "https" and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
        )
    except ValueError:
        return False
