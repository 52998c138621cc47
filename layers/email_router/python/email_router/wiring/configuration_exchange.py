"""Check what profiles of Exchange say: how it is spoken to, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit

from email_router.core.mailbox import Authentication, Security
from email_router.edge.connect.bearer import OUTLOOK
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration_models import ProfileTable

EWS_END = date(2027, 4, 1)
EWS_ENDS = (
    "EWS in Exchange Online answers since 2026-10-01 only applications in the organisation's EWSAllowedAppIDs, and from 2027-04-01 none; "
    'change to protocol = "graph" before: mail that was read is not delivered twice, and process_received_after bounds what is listed again'
)

ONLINE = frozenset(urlsplit(root).hostname for root in OUTLOOK.values()) | {"outlook.office.com"}
"""The hosts by which Exchange Online answers EWS."""


def today() -> date:
    """Return the day, by UTC."""
    return CLOCK.now().date()


def protocol_problems(profile: ProfileTable) -> Iterator[tuple[str, str]]:
    """EWS is Exchange's; in Exchange Online it ends on a day that Microsoft has announced."""
    if profile.protocol == "graph" and profile.server != "exchange-online":
        yield "protocol", f"`protocol` is 'graph': a {profile.server} server is not reached by Graph; leave it out"
    if profile.protocol == "ews" and profile.server not in {"exchange-online", "exchange"}:
        yield "protocol", f"`protocol` is 'ews': a {profile.server} server does not speak it; leave it out"
    if profile.protocol == "ews" and profile.server == "exchange-online" and today() >= EWS_END:
        yield "protocol", "`protocol` is 'ews': Exchange Online ended EWS on 2027-04-01; use \"graph\""
    yield from _online_after_all(profile)
    if profile.server == "exchange" and profile.authentication is Authentication.OAUTH:
        for field in ("tenant_id", "client_id"):
            if not getattr(profile, field):
                yield field, f'`{field}` is missing: authentication = "oauth" needs that of the app registration'
        if not (profile.credentials or profile.certificate):
            yield "credentials", "`credentials` (the app's client secret) or `certificate` is missing"
    if profile.server == "exchange" and profile.security is not Security.TLS:
        yield "security", f'`security` is {profile.security.value!r}: EWS is spoken over "tls" only'


def _online_after_all(profile: ProfileTable) -> Iterator[tuple[str, str]]:
    """As an Exchange server neither the pace of Exchange Online nor the end of its EWS would be heeded."""
    for field in ("host", "endpoint") if profile.server == "exchange" else ():
        if _host(getattr(profile, field)) in ONLINE:
            yield (
                field,
                f'`{field}` is {getattr(profile, field)!r}, which is Exchange Online: use server = "exchange-online"',
            )


def _host(text: str) -> str:
    """Return the host of an address or a name, as DNS compares it."""
    try:
        return (urlsplit(text if "//" in text else f"//{text}").hostname or "").rstrip(".")
    except ValueError:  # no address at all, as others tell
        return ""
