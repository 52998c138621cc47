"""Check what profiles of Exchange say: how it is spoken to, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from email_router.core.mailbox import Authentication, Security
from email_router.wiring.configuration_models import ProfileTable

EWS_END = date(2027, 4, 1)
EWS_ENDS = (
    "EWS in Exchange Online answers since 2026-10-01 only applications in the organisation's EWSAllowedAppIDs, and from 2027-04-01 none; "
    'change to protocol = "graph" before: mail that was read is not delivered twice, and process_received_after bounds what is listed again'
)

EWS_LAYER = (
    "the stack does not carry the Exchange layer yet: make a layer of layers/exchange/requirements.txt and attach it to the functions "
    "route-mailbox and send-email, else the mailboxes of this profile are blocked"
)


def today() -> date:
    """Return the day, by UTC."""
    return datetime.now(UTC).date()


def protocol_problems(profile: ProfileTable) -> Iterator[tuple[str, str]]:
    """EWS is Exchange's; in Exchange Online it ends on a day that Microsoft has announced."""
    if profile.protocol == "graph" and profile.server != "exchange-online":
        yield "protocol", f"`protocol` is 'graph': a {profile.server} server is not reached by Graph; leave it out"
    if profile.protocol == "ews" and profile.server not in {"exchange-online", "exchange"}:
        yield "protocol", f"`protocol` is 'ews': a {profile.server} server does not speak it; leave it out"
    if profile.protocol == "ews" and profile.server == "exchange-online" and today() >= EWS_END:
        yield "protocol", "`protocol` is 'ews': Exchange Online ended EWS on 2027-04-01; use \"graph\""
    if profile.server == "exchange" and profile.authentication is Authentication.OAUTH:
        for field in ("tenant_id", "client_id"):
            if not getattr(profile, field):
                yield field, f'`{field}` is missing: authentication = "oauth" needs that of the app registration'
        if not (profile.credentials or profile.certificate):
            yield "credentials", "`credentials` (the app's client secret) or `certificate` is missing"
    if profile.server == "exchange" and profile.security is not Security.TLS:
        yield "security", f'`security` is {profile.security.value!r}: EWS is spoken over "tls" only'
