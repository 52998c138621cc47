"""Put profiles and mailboxes together to the tables of one configuration; providers that differ in their mailbox only share a profile."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from email_router.cli.import_legacy.leftovers import Leftovers, Where
from email_router.cli.import_legacy.profiles import NO_ID, Fields, profile_of
from email_router.cli.import_legacy.providers import Found, LegacyMailbox, Provider, is_address
from email_router.cli.import_legacy.words import Fact, Left
from email_router.core.errors import ConfigurationError

_SHORT = {"exchange-online": "online"}
_ONLINE = (".dynamics.com", ".dynamics.cn", ".microsoftdynamics.us", ".appsplatform.us")
_MAILBOXES, _CRM = Where("mailboxes"), Where("CRM")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Tables:
    """The tables of the file that is written; of credentials the name of the environment variable."""

    organisation: str
    crm: Fields = field(default_factory=dict)
    profiles: dict[str, Fields] = field(default_factory=dict)
    mailboxes: dict[str, Fields] = field(default_factory=dict)


def tables_of(found: Found, left: Leftovers, wanted: str = "") -> Tables:
    """Return the configuration of one organisation: the only one, or the one whose CRM address contains `wanted`.

    Raises ConfigurationError when the file serves several and `wanted` names none of them, or not one alone.
    """
    url = _chosen(found, wanted)
    tables = Tables(_organisation(url, found.crms.get(url, "")))
    _crm(url, tables, left)
    making = _Making(tables, left)
    for provider in found.providers:
        if provider.facts.get(Fact.CRM, url) == url:
            making.provider(provider)
        else:
            left.add(
                Left.TO_CHECK,
                provider.where,
                "this provider serves another organisation",
                "Import that with --crm, too",
            )
    for mailbox in found.mailboxes:
        making.mailbox(mailbox, {}, "", mailbox.kind)
    making.finish()
    return tables


def _chosen(found: Found, wanted: str) -> str:
    urls = [url for url in found.crms if wanted.casefold() in url.casefold()]
    if len(urls) > 1 or (wanted and not urls):
        known = ", ".join(map(_shown, found.crms)) or "none"
        raise ConfigurationError(
            f"the file serves several organisations, and a configuration is one organisation's: name one with --crm, of: {known}"
        )
    return urls[0] if urls else ""


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return urlsplit("")


def _shown(url: str) -> str:
    """Return an address without what may stand before an @ in it."""
    before, mark, rest = url.partition("://")
    return f"{before}{mark}{rest.rpartition('@')[2]}"


def _fit(name: str) -> str:
    return _UNFIT.sub("-", name).strip("-._")[:50]


def _variable(name: str) -> str:
    return f"{re.sub('[^A-Z0-9]', '_', name.upper())}_SECRET"


def _organisation(url: str, name: str) -> str:
    parts = _parts(url)
    folders = [part for part in parts.path.split("/") if part and "." not in part and part.casefold() != "xrmservices"]
    label = (parts.netloc.rpartition("@")[2]).split(".")[0]
    online = parts.netloc.casefold().endswith(_ONLINE)
    said = name or (label if online or not folders else folders[0])
    return _UNFIT.sub("-", said).strip("-._")[:63] or "organisation"


def _crm(url: str, tables: Tables, left: Leftovers) -> None:
    host = _parts(url).netloc.rpartition("@")[2].casefold()
    if host.endswith(_ONLINE):
        address = f"https://{host}"
        tables.crm = {
            "kind": "dataverse",
            "url": address,
            "tenant_id": NO_ID,
            "client_id": NO_ID,
            "credentials": "DATAVERSE_SECRET",
        }
        do = "Register an application, set tenant_id and client_id, and its secret in DATAVERSE_SECRET (docs/dynamics.md)"
        left.add(Left.TO_SET, _CRM, f"{address} is reached as an application, not as a user with a password", do)
    elif url:
        left.add(
            Left.NO_COUNTERPART,
            _CRM,
            f"{_shown(url)} is no organisation of Dynamics 365 online: the activities go to the built-in CRM",
        )
    else:
        left.add(
            Left.TO_SET,
            _CRM,
            "no CRM is named that is known: the activities go to the built-in CRM",
            "See [organisation.crm]",
        )


@dataclass(slots=True)
class _Making:
    tables: Tables
    left: Leftovers
    users: dict[str, list[str]] = field(default_factory=dict)
    """The mailboxes that each profile's password is for."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    """The profile that each direction and name of the original leads to."""

    def provider(self, provider: Provider) -> None:
        """Make a provider's profile, or take the one that is like it, and let its mailboxes use it."""
        fields = profile_of(provider, self.left)
        if fields is None:
            return
        own = self._own_mailbox(provider)
        if str(fields.get("username", "")).casefold() == own.casefold():
            fields.pop("username", None)  # the mailbox's address is the default
        name = self._named(fields, provider)
        mailboxes = list(provider.mailboxes)
        if own:
            mailboxes.append(LegacyMailbox("user", own, {}))
        for one in mailboxes:
            forward = provider.has(Fact.FORWARD) and fields["direction"] == "incoming"
            self.mailbox(one, fields, name, "forward" if forward else one.kind, delete=provider.has(Fact.DELETE))
        if not mailboxes:
            self.left.add(
                Left.TO_SET,
                provider.where,
                f"the file does not tell which mailboxes use the profile {name}",
                "The original Router read them from the CRM: `email-router load-data` lists them; add [[mailboxes]]",
            )

    def _own_mailbox(self, provider: Provider) -> str:
        address = provider.facts.get(Fact.ADDRESS, "")
        if address and not is_address(address):
            self.left.add(
                Left.TO_CHECK, provider.where, "the provider's mailbox is no e-mail address", "Add its [[mailboxes]]"
            )
            address = ""
        user = provider.facts.get(Fact.USER, "")
        return address or (user if is_address(user) and not provider.mailboxes else "")

    def _named(self, fields: Fields, provider: Provider) -> str:
        """Return the name of the profile with these fields, made where there is none."""
        said = _fit(provider.facts.get(Fact.NAME, ""))
        same = (
            name
            for name, known in self.tables.profiles.items()
            if {**known, "credentials": ""} == {**fields, "credentials": ""}
        )
        name = next(same, "") or self._made(said, fields)
        if said:
            self.names.setdefault((str(fields["direction"]), said), name)
        return name

    def _made(self, said: str, fields: Fields) -> str:
        plain = f"{_SHORT.get(str(fields['server']), fields['server'])}-{'in' if fields['direction'] == 'incoming' else 'out'}"
        stem = name = said or plain
        taken = {_variable(one) for one in self.tables.profiles} | {"DATAVERSE_SECRET"}
        number = 1
        while _variable(name) in taken:
            number += 1
            name = f"{stem}-{number}"
        self.tables.profiles[name] = dict(fields)
        if fields.get("authentication") != "anonymous":
            self.tables.profiles[name]["credentials"] = _variable(name)
        return name

    def mailbox(self, box: LegacyMailbox, fields: Fields, profile: str, kind: str, *, delete: bool = False) -> None:
        """Let a mailbox use a profile; what it names itself comes first."""
        held = self.tables.mailboxes.setdefault(box.address.casefold(), {"address": box.address, "kind": kind})
        if kind != "user":
            held["kind"] = kind
        if box.facts.get(Fact.NAME):
            held["name"] = box.facts[Fact.NAME]
        uses = {str(fields["direction"]): profile} if profile else {}
        for direction, fact in (("incoming", Fact.INCOMING), ("outgoing", Fact.OUTGOING)):
            name = box.facts.get(fact) or uses.get(direction, "")
            if name and held.setdefault(direction, name) != name:
                why = f"{box.address} has two {direction} profiles: {held[direction]} is kept, {name} is not"
                self.left.add(Left.TO_CHECK, _MAILBOXES, why, "Keep the right one")
        if delete and fields["direction"] == "incoming":
            held["after_delivery"] = "delete"
            why = 'delivered mail was deleted, and is: after_delivery = "delete"'
            self.left.add(Left.TO_CHECK, _MAILBOXES, why, 'Begin with "leave", until you have seen that all is well')
        if profile and fields.get("authentication") != "anonymous":
            self.users.setdefault(profile, []).append(box.address)

    def finish(self) -> None:
        """See that every mailbox names profiles that are there, and tell whose passwords are to be set."""
        for held in self.tables.mailboxes.values():
            for direction in ("incoming", "outgoing"):
                self._settle(held, direction)
            if held["kind"] == "forward":
                self._forward(held)
        for name, fields in self.tables.profiles.items():
            if "credentials" in fields:
                self._secret(name, fields)

    def _settle(self, held: Fields, direction: str) -> None:
        name = str(held.get(direction, ""))
        there = self.tables.profiles.get(name)
        found = name if there and there["direction"] == direction else self.names.get((direction, _fit(name)), "")
        if name and not found:
            why = f"{held['address']} names the {direction} profile {name[:50]!r}, which is not in the file"
            self.left.add(Left.TO_SET, _MAILBOXES, why, f"Set {direction}")
            del held[direction]
        elif name:
            held[direction] = found

    def _forward(self, held: Fields) -> None:
        if "incoming" not in held:
            held["kind"] = "user"
            self.left.add(
                Left.TO_SET,
                _MAILBOXES,
                f"the forward mailbox {held['address']} has no incoming profile",
                'Set incoming and kind = "forward"',
            )
            return
        why = f"mail in the forward mailbox {held['address']} is believed only when your mail server vouches for who forwarded it"
        self.left.add(Left.TO_SET, _MAILBOXES, why, "Set authserv_id in its profile (docs/matching.md)")

    def _secret(self, name: str, fields: Fields) -> None:
        boxes = sorted(set(self.users.get(name, [])), key=str.casefold)
        own = not fields.get("username") and fields["server"] != "exchange-online"
        many = len(boxes) > 1 and own
        form = 'a JSON object of a password for each mailbox: {"address": "password"}' if many else "the password"
        if fields["server"] == "exchange-online":
            form = "the client secret of the app registration"
        why = f"the profile {name} needs its secret, which the file has only encrypted, or not at all"
        self.left.add(
            Left.CREDENTIAL,
            Where(f"profiles {name}"),
            why,
            f"Set the environment variable {fields['credentials']} to {form}",
        )
