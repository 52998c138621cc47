"""Decide what is to be done to a mailbox's inbox rules so that its mail is forwarded, as attachments, to a forward mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

FIRST = 1
"""The place of our rule among the mailbox's: before any that may end the processing of rules."""

OUTLOOK_MEND = (
    "Outlook keeps rules in this mailbox that are switched off or run in Outlook alone, and the server changes no rule while they exist.  "
    "Let the owner look through the rules in Outlook first; --replace-outlook-rules deletes those of Outlook for good."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRule:
    """One rule of a mailbox.  `forwards_to` are the addresses that it forwards to as attachment; `order` counts from 1 (runs first).

    `narrowed` tells that it does not apply to every mail (conditions, exceptions), `more` that it does other things as well,
    `ends` that no later rule runs after it, `broken` that the server marks it as in error.
    """

    id: str
    name: str
    order: int = FIRST
    enabled: bool = True
    forwards_to: tuple[str, ...] = ()
    narrowed: bool = False
    more: bool = False
    ends: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class MailboxRules:
    """All rules of a mailbox.

    `outlook_only` tells that Outlook keeps rules of its own there (switched off, or running in Outlook alone), which an Exchange server
    wants deleted before anybody else changes a rule.
    """

    rules: tuple[InboxRule, ...] = ()
    outlook_only: bool = False


class InboxRules(Protocol):
    """The inbox rules of one mailbox.  Each call raises TryLater, MailboxBlocked or ConfigurationError, as every port does."""

    kind: str

    def all(self) -> MailboxRules:
        """Return every rule of the mailbox, whoever made it."""

    def make(self, name: str, forward_to: str) -> None:
        """Make a rule of this name that forwards every mail as attachment and leaves it where it is.  Not repeatable: look first."""

    def update(self, rule: InboxRule, name: str, forward_to: str) -> None:
        """Turn this rule into the one that `make` makes; it may get another id.  Repeatable."""

    def remove(self, rule: InboxRule) -> None:
        """Remove this rule; one that is gone is no error.  Repeatable."""

    def close(self) -> None:
        """End the session; never raises."""


class Action(StrEnum):
    """What is to be done to a mailbox's rules."""

    NONE = "none"
    MAKE = "make"
    UPDATE = "update"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.  `rule` is ours as it stands, `differences` say in words what about it is not as wanted.

    `surplus` are rules to remove: all of ours when they are undone, else further ones of our name.
    """

    action: Action
    rule: InboxRule | None = None
    differences: tuple[str, ...] = ()
    surplus: tuple[InboxRule, ...] = ()


def rule_name(organisation: str) -> str:
    """Return the name by which our rule is known; two organisations that share a mailbox have a rule each."""
    return f"E-mail Router: {organisation}"


def plan_deployment(found: Sequence[InboxRule], name: str, forward_to: str) -> Plan:
    """Return what makes exactly one rule of this name forward every mail to the address."""
    ours = _ours(found, name)
    if not ours:
        return Plan(Action.MAKE)
    kept = min(ours, key=lambda rule: len(differences(rule, forward_to)))
    wrong = differences(kept, forward_to)
    surplus = tuple(rule for rule in ours if rule is not kept)
    if surplus:
        wrong += (f"{len(surplus)} more of this name",)
    before = [rule.name for rule in found if rule.enabled and rule.ends and rule.order < kept.order]
    if before:
        wrong += (f"runs after {before[0]!r}, which ends the processing of rules",)
    return Plan(Action.UPDATE if wrong else Action.NONE, kept, wrong, surplus)


def plan_removal(found: Sequence[InboxRule], name: str, forward_to: str = "") -> Plan:
    """Return what removes our rules: all of this name, or those that forward to the address."""
    wanted = forward_to.casefold()
    ours = _ours(found, name)
    gone = tuple(rule for rule in ours if not wanted or wanted in {one.casefold() for one in rule.forwards_to})
    return Plan(Action.REMOVE if gone else Action.NONE, gone[0] if gone else None, surplus=gone)


def differences(rule: InboxRule, forward_to: str) -> tuple[str, ...]:
    """Say in words what about a rule is not as wanted."""
    told = []
    if [one.casefold() for one in rule.forwards_to] != [forward_to.casefold()]:
        told.append(f"forwards to {', '.join(rule.forwards_to) or 'nobody'}")
    if not rule.enabled:
        told.append("is switched off")
    if rule.narrowed:
        told.append("does not apply to every mail")
    if rule.more:
        told.append("does more than forwarding")
    if rule.broken:
        told.append("is marked as in error by the server")
    return tuple(told)


def _ours(found: Sequence[InboxRule], name: str) -> list[InboxRule]:
    return [rule for rule in found if rule.name.strip().casefold() == name.casefold()]
