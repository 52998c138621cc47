"""Check what no single field can tell: names that must exist, combinations that cannot work, kinds that are not available yet."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from email_router.core.mailbox import AfterDelivery, Authentication, Direction, MailboxKind, Security
from email_router.wiring import registry
from email_router.wiring.configuration_crm import crm_problems, without_effect
from email_router.wiring.configuration_exchange import EWS_ENDS, protocol_problems
from email_router.wiring.configuration_models import ConfigurationFile, MailboxTable, ProfileTable
from email_router.wiring.configuration_problems import Problem

AVAILABLE = {Direction.INCOMING: frozenset(registry.SOURCES), Direction.OUTGOING: frozenset(registry.SENDERS)}
KINDS = {
    Direction.INCOMING: frozenset({"exchange-online", "exchange", "pop3", "imap"}),
    Direction.OUTGOING: frozenset({"ses", "smtp", "exchange-online", "exchange"}),
}
AUTHENTICATION = {
    "pop3": frozenset({Authentication.CLEAR_TEXT, Authentication.OAUTH}),
    "imap": frozenset({Authentication.CLEAR_TEXT, Authentication.OAUTH}),
    "smtp": frozenset(Authentication),
    "exchange": frozenset({Authentication.WINDOWS, Authentication.CLEAR_TEXT, Authentication.OAUTH}),
}
WITH_HOST = frozenset({"pop3", "imap", "smtp", "exchange"})
WITH_TOKEN = frozenset({"pop3", "imap", "smtp"})
WITH_PASSWORD = frozenset({Authentication.CLEAR_TEXT, Authentication.WINDOWS})


def problems(file: ConfigurationFile) -> Iterator[Problem]:
    """Yield everything that is wrong across fields and tables."""
    yield from crm_problems(file)
    yield from _twice([(str(p.direction), p.name) for p in file.profiles], "profiles", "name")
    for number, profile in enumerate(file.profiles):
        for name, text in _profile(profile):
            yield Problem(("profiles", number, name), text)
    yield from _addresses(file)
    for number, box in enumerate(file.mailboxes):
        for name, text in _mailbox(box, file):
            yield Problem(("mailboxes", number, name), text)


def warnings(file: ConfigurationFile) -> Iterator[str]:
    """Yield what will work, but hardly as somebody wants it."""
    tracking = file.organisation.tracking
    if not (tracking.tokens or tracking.correlation or tracking.smart_matching):
        yield "tokens, correlation and smart_matching are all off: no answer will find the e-mail that it continues; keep at least one on"
    yield from without_effect(file)
    for profile in file.profiles:
        if profile.server == "exchange-online" and profile.protocol == "ews":
            yield f"profile {profile.name}: {EWS_ENDS}"
        if _needs_password(profile) and not (profile.credentials or profile.certificate):
            own = "each of its mailboxes needs its own password: `email-router set-password MAILBOX`"
            yield f"profile {profile.name}: it has no credentials, so {own}"
        if profile.server == "pop3" and profile.move_undelivered:
            yield f"profile {profile.name}: move_undelivered changes nothing: POP3 has no folders"
    forwarded = any(box.kind is MailboxKind.FORWARD for box in file.mailboxes)
    for box in file.mailboxes:
        if not box.incoming and not box.outgoing and not forwarded:  # a forward mailbox may be read for it
            yield f"mailbox {box.address} has neither incoming nor outgoing: nothing is fetched or sent for it"
        if not box.approved:
            yield f"mailbox {box.address} is not approved: its mail is not processed until approved = true"


def _twice(names: list[tuple[str, str]], table: str, field: str) -> Iterator[Problem]:
    first: dict[tuple[str, str], int] = {}
    for number, name in enumerate(names):
        if name in first:
            yield Problem(
                (table, number, field),
                f"`{field}` {name[-1]!r} stands twice; each {name[0]} profile has a name of its own",
            )
        first.setdefault(name, number)


def _profile(profile: ProfileTable) -> Iterator[tuple[str, str]]:
    if profile.server not in KINDS[profile.direction]:
        kinds = ", ".join(sorted(KINDS[profile.direction]))
        yield (
            "server",
            f"`server` is {profile.server!r}, which is no {profile.direction} server; expected one of {kinds}",
        )
        return
    if profile.server not in AVAILABLE[profile.direction]:
        kinds = ", ".join(sorted(AVAILABLE[profile.direction]))
        yield (
            "server",
            f"`server` is {profile.server!r}: not available yet for {profile.direction} mail; available are {kinds}",
        )
        return
    yield from protocol_problems(profile)
    if profile.server in WITH_HOST and not profile.host:
        yield "host", f"`host` is missing: a {profile.server} profile needs the server's name"
    if (
        profile.server in WITH_HOST
        and profile.security is Security.NONE
        and not _near(profile)
        and profile.server != "exchange"
    ):
        yield (
            "security",
            '`security` is \'none\': allowed only for a loopback host or with network = "private"; use "tls" or "starttls"',
        )
    yield from _login(profile)
    if profile.minimum_polling_interval > profile.maximum_polling_interval:
        yield "minimum_polling_interval", "`minimum_polling_interval` is longer than `maximum_polling_interval`"
    for field in ("endpoint", "authority"):
        if (url := getattr(profile, field)) and not _safe(url):
            yield field, f"`{field}` is {url!r}: expected an https address (http only for a loopback host)"


def _login(profile: ProfileTable) -> Iterator[tuple[str, str]]:
    given = profile.credentials or profile.certificate
    if profile.server == "exchange-online":
        for field in ("tenant_id", "client_id"):
            if not getattr(profile, field):
                yield (
                    field,
                    f"`{field}` is missing: an exchange-online profile needs that of its app registration in Microsoft Entra",
                )
        if not given:
            yield "credentials", "`credentials` (the app's client secret) or `certificate` is missing"
    elif profile.server in WITH_TOKEN and profile.authentication is Authentication.OAUTH:
        yield from _token(profile)
    elif _needs_password(profile) and not given and not _logs_in_mailboxes(profile):
        yield "credentials", f'`credentials` is missing: authentication = "{profile.authentication}" needs a password'
    known = AUTHENTICATION.get(profile.server)
    if known and profile.authentication not in known:
        words = ", ".join(sorted(known))
        seen = profile.authentication.value
        yield (
            "authentication",
            f"`authentication` is {seen!r}: not available yet for {profile.server}; available are {words}",
        )


def _needs_password(profile: ProfileTable) -> bool:
    return profile.server in WITH_HOST and profile.authentication in WITH_PASSWORD


def _logs_in_mailboxes(profile: ProfileTable) -> bool:
    """Tell whether each mailbox logs in as itself, so that it may have a password of its own."""
    return not profile.username and profile.access == "own"


def _token(profile: ProfileTable) -> Iterator[tuple[str, str]]:
    """Tokens are those of an application in Entra, named by two ids, or of a Google key, which is all in the credentials."""
    if bool(profile.tenant_id) != bool(profile.client_id):
        missing = "client_id" if profile.tenant_id else "tenant_id"
        yield missing, f"`{missing}` is missing: tokens of Entra need tenant_id and client_id, a Google key neither"
    if not (profile.credentials or profile.certificate):
        yield (
            "credentials",
            '`credentials` is missing: authentication = "oauth" needs a client secret, certificate or Google key',
        )


def _near(profile: ProfileTable) -> bool:
    return profile.network == "private" or _loopback(profile.host)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def _safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or ""))
    )


def _addresses(file: ConfigurationFile) -> Iterator[Problem]:
    """No address may lead to two mailboxes."""
    owners: dict[str, int] = {}
    for number, box in enumerate(file.mailboxes):
        for field, address in [("address", box.address), *(("aliases", alias) for alias in box.aliases)]:
            if (other := owners.setdefault(address.casefold(), number)) != number:
                owner = file.mailboxes[other].address
                yield Problem(("mailboxes", number, field), f"`{field}`: {address} is an address of {owner} already")


def _mailbox(box: MailboxTable, file: ConfigurationFile) -> Iterator[tuple[str, str]]:
    for direction in Direction:
        if name := getattr(box, direction.value):
            yield from _uses(name, direction, file)
    if box.kind is MailboxKind.FORWARD and not box.incoming:
        yield "incoming", "`incoming` is missing: a forward mailbox is there to be read"
    read = next((p for p in file.profiles if p.name == box.incoming and p.direction is Direction.INCOMING), None)
    if read and read.server == "pop3" and box.after_delivery in {AfterDelivery.MARK_READ, AfterDelivery.MOVE}:
        yield (
            "after_delivery",
            f'`after_delivery` is {box.after_delivery.value!r}: POP3 has neither flags nor folders; use "leave" or "delete"',
        )


def _uses(name: str, direction: Direction, file: ConfigurationFile) -> Iterator[tuple[str, str]]:
    directions = {profile.direction for profile in file.profiles if profile.name == name}
    if not directions:
        known = ", ".join(profile.name for profile in file.profiles if profile.direction is direction) or "none"
        yield (
            direction.value,
            f"`{direction}` names the profile {name!r}, which is not in [[profiles]]; {direction} profiles: {known}",
        )
    elif direction not in directions:
        other = next(iter(directions))
        yield direction.value, f"`{direction}` names the profile {name!r}, whose direction is {other}"
