"""What an organisation chose: tracking, mailboxes and profiles of one published version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from email_router.core.mailbox import Direction, Mailbox, MailboxKind, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """How e-mails of one conversation are recognised (Power Platform: e-mail message filtering and correlation).

    `base` is added to the user number; `user_digits` (1-10) and `counter_digits` (1-9) make the token with `prefix` (1-20 characters).
    `tokens_from` is "router", or "crm" where the CRM gives the tokens of new conversations (GetTrackingTokenEmail).
    Tokens of `earlier_prefixes` are found, too; publishing keeps them unless `forgotten_prefixes` names them.
    `unknown_sender` is "follow" or "mark".  The hash_ fields are the original's HashMaxCount, HashDeltaSubjectCount, HashMinAddressCount
    and HashFilterKeywords.  `maximum_subject_length` counts characters of the subject with its token.

    `changed_subject` says whether a new subject under the header fields of an old conversation continues it ("follow") or not ("new").
    `acceptance` says whose filter counts: "any-recipient" of the mail, or only the "syncing-mailbox" it is fetched from.  `internal_email`
    is "track" or "ignore" (IgnoreInternalEmail), with its exceptions for queues.  `ambiguous_sender` is "first" (the documented order) or
    "unresolved", `ambiguous_recipients` "all" or "unresolved": what becomes of an address that several records have.
    """

    tokens: bool = True
    tokens_from: str = "router"
    correlation: bool = True
    smart_matching: bool = False
    prefix: str = "CRM:"
    earlier_prefixes: tuple[str, ...] = ()
    forgotten_prefixes: tuple[str, ...] = ()
    base: int = 0
    user_digits: int = 3
    counter_digits: int = 3
    unknown_sender: str = "follow"
    changed_subject: str = "follow"
    acceptance: str = "any-recipient"
    internal_email: str = "track"
    internal_email_to_queues: bool = True
    internal_email_from_queues: bool = True
    ambiguous_sender: str = "first"
    ambiguous_recipients: str = "all"
    maximum_subject_length: int = 255
    hash_max_count: int = 20
    hash_delta_subject_count: int = 0
    hash_min_address_count: int = 2
    hash_filter_keywords: str = r"^[\s]*([\w]+\s?:[\s]*)+"
    smart_window_days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmSettings:
    """Which CRM keeps the organisation's e-mail activities; `options` are the adapter's own.

    `credentials_expire`: when the router's client secret or certificate there ends, where it is known.
    """

    kind: str = "builtin"
    options: Mapping[str, str] = field(default_factory=dict)
    credentials_expire: datetime | None = None

    @property
    def decides(self) -> bool:
        """Tell whether the CRM itself decides which mail it wants, and matches it (deliver = "server")."""
        return self.options.get("deliver") == "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """Which settings are those of the CRM, as far as it tells them: fields of Tracking, and mailboxes by key for `accept` and `approved`.

    `parts` is what the configuration names: tracking, mailboxes; a value that it writes itself is not followed.
    What a version says of them is what was known when it was published.
    """

    parts: tuple[str, ...] = ()
    tracking: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """The keys of the mailboxes of which something is followed."""
        return tuple(dict.fromkeys((*self.accept, *self.approved)))


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One published version of an organisation's configuration.  Read by functions, never changed by them."""

    organisation: str
    version: int = 0
    tracking: Tracking = field(default_factory=Tracking)
    crm: CrmSettings = field(default_factory=CrmSettings)
    profiles: tuple[Profile, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    follows: Follows = field(default_factory=Follows)

    @cached_property
    def _by_address(self) -> dict[str, Mailbox]:
        aliases = {alias.casefold(): box for box in self.mailboxes for alias in box.aliases}
        return aliases | {box.key: box for box in self.mailboxes}

    @cached_property
    def _by_profile(self) -> dict[tuple[str, str], Profile]:
        return {(profile.direction.value, profile.name): profile for profile in self.profiles}

    def mailbox(self, address: str) -> Mailbox | None:
        """Return the mailbox with this address or alias, or None; plus addressing (ann+x@) finds ann@, the longest address first."""
        wanted = address.strip().casefold()
        local, _, domain = wanted.rpartition("@")
        found = self._by_address.get(wanted)
        while found is None and "+" in local:
            local = local.rpartition("+")[0]
            found = self._by_address.get(f"{local}@{domain}")
        return found

    def profile(self, name: str | None, direction: Direction) -> Profile | None:
        """Return the profile of this name and direction, or None."""
        return self._by_profile.get((direction.value, name)) if name else None

    def internal(self, address: str) -> bool:
        """Tell whether the address is a user's or queue's of this organisation."""
        box = self.mailbox(address)
        return box is not None and box.kind is not MailboxKind.FORWARD


JsonObject = dict[str, Any]
