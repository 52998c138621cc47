"""Deploy the rule of one mailbox by the profile that reaches it, and tell what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from email_router.cli.choosing import configured
from email_router.cli.servers import MailServers
from email_router.cli.shapes import Json
from email_router.core.errors import MailboxBlocked, RouterError
from email_router.core.flows.deploy_rules import Deployed, Wanted, deploy
from email_router.core.inbox_rules import Action
from email_router.core.mailbox import Direction, Mailbox, MailboxKind, Profile
from email_router.core.settings import Configuration
from email_router.wiring.registry import RULES, kind_of

_DONE = {Action.MAKE: "made", Action.UPDATE: "updated", Action.REMOVE: "removed"}
_PLANNED = {Action.MAKE: "would be made", Action.UPDATE: "would be updated", Action.REMOVE: "would be removed"}
_OUTSIDE = (
    "{address} lies outside the domains of the configured users and queues.  Exchange Online blocks automatic forwarding to the outside "
    "unless the outbound spam policy (AutoForwardingMode) and the remote domain (AutoForwardEnabled) allow it."
)
_BY_HAND = (
    "Make the rule by hand where the mailbox's rules are kept (webmail, Sieve, the mail server): forward every mail to {to} as an "
    "attachment (message/rfc822) and keep the mail.  A redirect will not do: the router takes wrapped mail only."
)


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one mailbox."""

    address: str
    profile: Profile | None = None
    deployed: Deployed | None = None
    warnings: tuple[str, ...] = ()
    error: RouterError | None = None

    def json(self) -> Json:
        """Return it for machines."""
        plan = self.deployed.plan if self.deployed else None
        error = self.error
        return {
            "address": self.address,
            "profile": self.profile.name if self.profile else None,
            "by": _by(self.profile),
            "action": plan.action.value if plan else None,
            "done": bool(self.deployed and self.deployed.done),
            "differences": list(plan.differences) if plan else [],
            "warnings": list(self.warnings),
            "error": {"kind": error.kind, "text": str(error), "mend": error.mend} if error else None,
        }

    def cells(self, *, preview: bool) -> tuple[object, ...]:
        """Return it as a row for people."""
        if self.error is not None:
            return self.address, _by(self.profile), "error", f"{self.error} {self.error.mend}".strip()
        action = self.deployed.plan.action if self.deployed else Action.NONE
        told = (_PLANNED if preview else _DONE).get(action, "as wanted")
        differences = self.deployed.plan.differences if self.deployed else ()
        return self.address, _by(self.profile), told, "; ".join((*differences, *self.warnings))


def row_of(servers: MailServers, address: str, wanted: Wanted, named: str) -> Row:
    """Deploy the rule of one mailbox.  Never raises a RouterError: it stands in the row."""
    profile: Profile | None = None
    try:
        mailbox = configured(servers.configuration, address)
        _refuse_circles(mailbox, wanted)
        profile = profile_of(servers.configuration, mailbox, wanted.forward_to, named)
        rules = servers.rules(profile, mailbox, replace_outlook_rules=wanted.replace_outlook_rules)
        try:
            deployed = deploy(rules, mailbox.address, wanted)
        finally:
            rules.close()
    except RouterError as trouble:
        return Row(address, profile, error=trouble)
    return Row(mailbox.address, profile, deployed, _twice(mailbox, wanted))


def profile_of(configuration: Configuration, mailbox: Mailbox, forward_to: str, named: str = "") -> Profile:
    """Return the profile by which the mailbox's rules are reached.

    It is the named one, else one of the mailbox's own, else the forward mailbox's, which usually reaches all of the organisation.  Raises
    MailboxBlocked "rules_by_hand" where its server keeps no rules that we can change, "no_profile" where no profile leads to it.
    """
    candidates = _candidates(configuration, mailbox, forward_to, named)
    for one in candidates:
        if kind_of(one) in RULES:
            return one
    if candidates:
        raise MailboxBlocked(
            f"{mailbox.address}: its server ({candidates[0].server}) keeps no inbox rules that the router could change",
            kind="rules_by_hand",
            mend=_BY_HAND.format(to=forward_to or "the forward mailbox"),
        )
    raise MailboxBlocked(
        f"{mailbox.address}: no profile leads to its inbox rules",
        kind="no_profile",
        mend="Name a profile of Exchange Online or of the Exchange server with --profile.",
    )


def _candidates(configuration: Configuration, mailbox: Mailbox, forward_to: str, named: str) -> list[Profile]:
    if named:
        return [one for one in configuration.profiles if one.name == named]
    found = [
        configuration.profile(mailbox.incoming, Direction.INCOMING),
        configuration.profile(mailbox.outgoing, Direction.OUTGOING),
    ]
    if not mailbox.incoming:
        forward = configuration.mailbox(forward_to) if forward_to else None
        found += [
            configuration.profile(box.incoming, Direction.INCOMING)
            for box in configuration.mailboxes
            if box.kind is MailboxKind.FORWARD and (forward is None or box is forward)
        ]
    return [one for one in found if one is not None]


def warnings_of(configuration: Configuration, forward_to: str) -> list[str]:
    """Return what a person should know of the address that is forwarded to."""
    told = []
    box = configuration.mailbox(forward_to)
    if box is None or box.kind is not MailboxKind.FORWARD:
        told.append(
            f"{forward_to} is no forward mailbox of the configuration: nobody fetches what is forwarded there "
            '([[mailboxes]] with kind = "forward" and an incoming profile)'
        )
    people = [one for one in configuration.mailboxes if one.kind is not MailboxKind.FORWARD]
    inside = {address.rpartition("@")[2] for one in people for address in one.addresses}
    if forward_to.casefold().rpartition("@")[2] not in inside:
        told.append(_OUTSIDE.format(address=forward_to))
    return told


def _refuse_circles(mailbox: Mailbox, wanted: Wanted) -> None:
    if wanted.remove:
        return
    if mailbox.kind is MailboxKind.FORWARD or wanted.forward_to.casefold() in mailbox.addresses:
        raise MailboxBlocked(
            f"{mailbox.address}: a rule here would send forwarded mail round in a circle",
            kind="rule_circle",
            mend="Leave the forward mailbox itself out.",
        )


def _twice(mailbox: Mailbox, wanted: Wanted) -> tuple[str, ...]:
    if wanted.remove or not mailbox.incoming:
        return ()
    return ("it is fetched directly as well: each mail comes twice, and is delivered once",)


def _by(profile: Profile | None) -> Any:  # noqa: ANN401 - a word or null
    """Return the way by which a profile's rules are kept."""
    return {"exchange-online": "graph", "exchange": "ews"}.get(kind_of(profile)) if profile else None
