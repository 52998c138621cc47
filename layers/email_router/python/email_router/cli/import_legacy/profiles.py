"""Make of one provider of the original Router the profile that does its work here."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from email_router.cli.import_legacy.leftovers import Leftovers, Where
from email_router.cli.import_legacy.providers import Provider, switched_on
from email_router.cli.import_legacy.words import Fact, Left

Value = str | int | bool | datetime
Fields = dict[str, Value]

NO_HOST = "host.invalid"
NO_ID = "00000000-0000-0000-0000-000000000000"
_ONLINE = (".office365.com", ".outlook.com", ".microsoftonline.com")
_DEFAULT_PATH = "/ews/exchange.asmx"
_AUTHENTICATION = {
    "windows": "windows",
    "ntlm": "windows",
    "negotiate": "windows",
    "anonymous": "anonymous",
    "none": "anonymous",
}
_TLS_PORTS = {995, 465}
_OF_INCOMING = (Fact.DELETE, Fact.MOVE, Fact.FORWARD, Fact.SINCE)
_BEFORE_MAIL = 1980


def profile_of(provider: Provider, left: Leftovers) -> Fields | None:
    """Return the profile's fields without its name, or None where nothing here does a provider's work; the reasons go to `left`."""
    where, facts = provider.where, provider.facts
    if not switched_on(facts.get(Fact.ENABLED, "true")):
        left.add(
            Left.TO_CHECK, where, "this provider was switched off, and is left out", "Add a profile if it is wanted"
        )
        return None
    known = _server_of(provider)
    if known is None:
        named = facts.get(Fact.CLASS) or facts.get(Fact.SERVER_TYPE) or "no class"
        why = f"a provider of a kind that is not known: {named}, {facts.get(Fact.ASSEMBLY, 'no assembly')}"
        told = ", ".join(sorted(fact.value for fact in facts))
        left.add(Left.NO_COUNTERPART, where, f"{why} (it told: {told or 'nothing'})")
        return None
    direction, server = known
    fields: Fields = {"direction": direction, "server": server}
    if server == "exchange-online":
        _online(where, fields, left)
    else:
        _place(provider, fields, left)
        _login(provider, fields, left)
    if direction == "incoming":
        _incoming(provider, fields, left)
    elif unfit := [
        fact.value for fact in _OF_INCOMING if facts.get(fact, "false").casefold() not in {"false", "0", "no"}
    ]:
        left.add(Left.NO_COUNTERPART, where, f"{', '.join(unfit)}: said of outgoing mail, which knows no such thing")
    return fields


def _server_of(provider: Provider) -> tuple[str, str] | None:
    """Return direction and server kind."""
    words = " ".join(provider.facts.get(fact, "") for fact in (Fact.CLASS, Fact.SERVER_TYPE)).casefold()
    host = _host(provider)[0].casefold()
    said = provider.facts.get(Fact.DIRECTION, "").casefold()
    outgoing = said.startswith("out") or (not said.startswith("in") and ("send" in words or "smtp" in words))
    if "smtp" in words and outgoing:
        return "outgoing", "smtp"
    if "pop3" in words and not outgoing:
        return "incoming", "pop3"
    if "exchange" in words or "ews" in words:
        online = "online" in words or f".{host}".endswith(_ONLINE)
        return "outgoing" if outgoing else "incoming", "exchange-online" if online else "exchange"
    return None


def _host(provider: Provider) -> tuple[str, str]:
    """Return the server's name, and the URL where one was given, without what stands before an @ in it."""
    given = (provider.facts.get(Fact.URL) or provider.facts.get(Fact.SERVER, "")).strip()
    if "://" not in given:
        return given.strip("\\/"), ""
    try:
        parts = urlsplit(given)
        return parts.hostname or "", urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    except ValueError:
        return "", ""


def _online(where: Where, fields: Fields, left: Leftovers) -> None:
    """Exchange Online is reached by Graph, as an application: no password of the original Router opens it."""
    fields |= {"tenant_id": NO_ID, "client_id": NO_ID}
    left.add(
        Left.TO_SET,
        where,
        "Exchange Online takes no passwords any more: the router signs in as an app registration, whatever server and account stood here",
        "Set tenant_id, client_id and the client secret (docs/exchange-online.md)",
    )


def _place(provider: Provider, fields: Fields, left: Leftovers) -> None:
    where = provider.where
    host, url = _host(provider)
    if provider.has(Fact.AUTODISCOVER):
        left.add(Left.NO_COUNTERPART, where, "Autodiscover is not asked", "Set host to the Exchange server's name")
    if not _is_host(host):
        left.add(
            Left.TO_SET, where, "the server's name is not in the file, or is none", f"Set host in place of {NO_HOST}"
        )
        host = NO_HOST
    fields["host"] = host
    if fields["server"] == "exchange":
        if url.startswith("https://") and urlsplit(url).path.casefold() not in {"", "/", _DEFAULT_PATH}:
            fields["endpoint"] = url
        elif url.startswith("http://"):
            left.add(
                Left.TO_CHECK,
                where,
                "it was reached without TLS (http): the router speaks https",
                "See that the server offers it",
            )
    else:
        _line(provider, fields, left)
    if host != NO_HOST and _is_private(host):
        fields["network"] = "private"
        left.add(
            Left.TO_CHECK,
            where,
            f"{host} is in a private network",
            "Deploy with AllowedNetworks that holds it (docs/deploying.md)",
        )


def _line(provider: Provider, fields: Fields, left: Leftovers) -> None:
    """Port and protection: .NET's SMTP client spoke STARTTLS only, a POP3 server has TLS at its own port."""
    text = provider.facts.get(Fact.PORT, "")
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536 else 0  # noqa: PLR2004 - ports
    if text and not port:
        left.add(Left.TO_CHECK, provider.where, "the port is none", "Set port, or leave the usual one")
    tls = port in _TLS_PORTS or (fields["server"] == "pop3" and not port)
    fields["security"] = "tls" if tls else "starttls"
    if port:
        fields["port"] = port
    if not provider.has(Fact.SSL):
        words = (
            "the line had no TLS; the router protects every line"
            if Fact.SSL in provider.facts
            else "nothing says whether the line had TLS"
        )
        left.add(
            Left.TO_CHECK,
            provider.where,
            words,
            "See that the server offers what security and port say, with a certificate that is not self-signed",
        )


def _login(provider: Provider, fields: Fields, left: Leftovers) -> None:
    where, facts = provider.where, provider.facts
    said = facts.get(Fact.AUTHENTICATION, "").casefold().replace(" ", "")
    way = _AUTHENTICATION.get(said, "clear-text")
    server = fields["server"]
    if (way, server) in {("windows", "pop3"), ("anonymous", "pop3"), ("anonymous", "exchange")}:
        left.add(
            Left.TO_CHECK,
            where,
            f"authentication {said} is not available for {server}",
            'It is "clear-text" now, over TLS',
        )
        way = "clear-text"
    fields["authentication"] = way
    if way != "anonymous" and facts.get(Fact.USER):
        fields["username"] = facts[Fact.USER]
    access = facts.get(Fact.ACCESS, "").casefold().replace(" ", "")
    if access.startswith("local"):
        left.add(
            Left.TO_SET,
            where,
            "it logged in as the Local System Account, which is none outside of its machine",
            "Set username and the password of an account with full access to the mailboxes",
        )
    if server == "exchange" and (access.startswith(("other", "local")) or facts.get(Fact.USER)):
        fields["access"] = "delegate"
        left.add(
            Left.TO_CHECK,
            where,
            "one account reads several mailboxes",
            'See whether access is "delegate" or "impersonation" (docs/exchange.md)',
        )


def _incoming(provider: Provider, fields: Fields, left: Leftovers) -> None:
    where = provider.where
    if provider.has(Fact.MOVE):
        if fields["server"] == "pop3":
            left.add(
                Left.NO_COUNTERPART,
                where,
                "POP3 has no folder for undeliverable mail; `email-router undeliverable` lists it",
            )
        else:
            fields["move_undelivered"] = True
    if since := provider.facts.get(Fact.SINCE):
        moment = _instant(since)
        if moment is None:
            left.add(
                Left.TO_SET,
                where,
                "the time from which mail was processed cannot be read",
                "Set process_received_after",
            )
        else:
            fields["process_received_after"] = moment


def _instant(text: str) -> datetime | None:
    """Return an ISO 8601 instant; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= _BEFORE_MAIL else None  # .NET's "never" is the year 1


def _is_host(host: str) -> bool:
    labels = host.split(".")
    return 0 < len(host) < 254 and all(label.replace("-", "").isalnum() and label.isascii() for label in labels)  # noqa: PLR2004 - RFC 1035


def _is_private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.casefold().endswith((".local", ".internal", ".lan", ".corp"))
