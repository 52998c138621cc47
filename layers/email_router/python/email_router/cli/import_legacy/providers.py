"""Find in the original Router's file its providers and mailboxes, and sort every other element into what is left, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from email_router.cli.import_legacy.leftovers import Leftovers, Where
from email_router.cli.import_legacy.reading import Node
from email_router.cli.import_legacy.words import (
    CONTAINERS,
    DEFAULTS,
    FACTS,
    INSTEAD,
    LEAST,
    MAILBOXES,
    PROVIDERS,
    Fact,
    Instead,
    Left,
    is_secret,
)
from email_router.wiring.configuration_models import ADDRESS

_ENCRYPTED = "the original Router encrypts its secrets; none is copied"
_LONGEST = 60
_LONGEST_ADDRESS = 254
_OF_MAILBOXES = frozenset({Fact.ADDRESS, Fact.NAME, Fact.KIND, Fact.INCOMING, Fact.OUTGOING})
_OF_PROVIDERS = frozenset(Fact) - {Fact.KIND, Fact.INCOMING, Fact.OUTGOING}


@dataclass(slots=True)
class LegacyMailbox:
    """A mailbox that the file names, with what its element tells."""

    kind: str
    address: str
    facts: Mapping[Fact, str]


@dataclass(slots=True)
class Provider:
    """One provider: what its element tells, the mailboxes in it, and whether it had a password."""

    where: Where
    facts: dict[Fact, str] = field(default_factory=dict)
    mailboxes: list[LegacyMailbox] = field(default_factory=list)
    has_password: bool = False

    def has(self, fact: Fact) -> bool:
        """Tell whether a switch is on."""
        return switched_on(self.facts.get(fact, ""))


@dataclass(slots=True)
class Found:
    """What the file holds."""

    providers: list[Provider] = field(default_factory=list)
    mailboxes: list[LegacyMailbox] = field(default_factory=list)
    crms: dict[str, str] = field(default_factory=dict)
    """The CRM's addresses, and the organisation's name where one stands beside."""


def switched_on(text: str) -> bool:
    """Tell whether a word means yes."""
    return text.strip().casefold() in {"true", "1", "yes", "on"}


def sorted_out(root: Node, left: Leftovers) -> Found:
    """Return providers and mailboxes; everything else goes to `left`."""
    found = Found()
    _Sorting(found, left).element(root, root.name, None)
    return found


@dataclass(slots=True)
class _Sorting:
    found: Found
    left: Leftovers

    def element(self, node: Node, path: str, provider: Provider | None) -> None:
        """Take an element and all that lies in it."""
        nested = any(child.key in PROVIDERS and not child.is_leaf for child in node.children)
        if node.key in PROVIDERS and not node.is_leaf and not nested:
            provider = Provider(Where(path, node.line))
            self.found.providers.append(provider)
        elif read := _mailbox(node, path):
            mailbox, others = read
            (provider.mailboxes if provider else self.found.mailboxes).append(mailbox)
            for where, child in others:
                self._other(child, where)
            return
        elif node.is_leaf:
            self._leaf(node, path, provider)
            return
        elif not (node.key in CONTAINERS or (nested and node.key in PROVIDERS) or path == node.name):
            self._unknown(node, path)
        for child in node.children:
            self.element(child, f"{path}/{child.name}", provider)
        if node.text:
            self.left.add(
                Left.UNKNOWN,
                Where(path, node.line),
                "this element holds text beside other elements",
                "Look what it was for",
            )
        if provider and provider.where == (path, node.line):
            self._crm(provider.facts)

    def _other(self, node: Node, path: str) -> None:
        """Take what tells nothing of the mailbox that it lies in."""
        if node.is_leaf:
            self._leaf(node, path, None)
        elif node.key not in CONTAINERS:
            self._unknown(node, path)

    def _unknown(self, node: Node, path: str) -> None:
        self.left.add(Left.UNKNOWN, Where(path, node.line), "this element is not known", "Look what it was for")

    def _leaf(self, node: Node, path: str, provider: Provider | None) -> None:
        fact = FACTS.get(node.key)
        if is_secret(node.name):
            if provider:
                provider.has_password = True
            self.left.add(Left.CREDENTIAL, Where(path, node.line), _ENCRYPTED)
        elif instead := INSTEAD.get(node.key):
            self._instead(node, Where(path, node.line), instead)
        elif provider is not None and fact in _OF_PROVIDERS and fact not in provider.facts:
            if node.text:
                provider.facts[fact] = node.text
        elif fact in {Fact.CRM, Fact.ORGANISATION} and node.text:
            self._crm({fact: node.text})
        elif node.key not in CONTAINERS or node.text:
            why = (
                "this setting is not known" if fact is None else "this setting stands twice, or where none is expected"
            )
            self.left.add(Left.UNKNOWN, Where(path, node.line), why, "Look what it was for")

    def _instead(self, node: Node, where: Where, instead: Instead) -> None:
        shown = _shown(node.text)
        if instead.kind is not Left.PARAMETER:
            self.left.add(instead.kind, where, f"{shown}: {instead.why}" if shown else instead.why)
            return
        number = int(node.text) if node.text.isascii() and node.text.isdigit() and len(node.text) < _LONGEST else None
        if number is None:
            self.left.add(Left.UNKNOWN, where, f"expected a whole number, found {shown or 'nothing'}")
        elif (value := max(LEAST[instead.parameter], number // instead.divide)) == DEFAULTS[instead.parameter]:
            self.left.add(
                Left.PARAMETER, where, f"{instead.why}: the stack's parameter {instead.parameter} is {value} by default"
            )
        else:
            do = f"Deploy with {instead.parameter}={value}"
            self.left.add(
                Left.PARAMETER, where, f"{instead.why}: a parameter of the stack, not of the configuration", do
            )

    def _crm(self, facts: Mapping[Fact, str]) -> None:
        if url := facts.get(Fact.CRM, ""):
            name = facts.get(Fact.ORGANISATION, "")
            self.found.crms[url] = name or self.found.crms.get(url, "")


def _mailbox(node: Node, path: str) -> tuple[LegacyMailbox, list[tuple[str, Node]]] | None:
    """Return the mailbox that an element is, with the leaves in it that tell nothing of it; or None."""
    kind = MAILBOXES.get(node.key)
    if kind is None:
        return None
    if node.is_leaf:
        itself = is_address(node.text) and node.key != "mailbox"  # as a leaf it names a provider's mailbox
        return (LegacyMailbox(kind, node.text, {}), []) if itself else None
    facts: dict[Fact, str] = {}
    others: list[tuple[str, Node]] = []
    for where, child in _below(node, path):
        fact = FACTS.get(child.key)
        if fact in _OF_MAILBOXES and fact not in facts and child.text and child.is_leaf:
            facts[fact] = child.text
        else:
            others.append((where, child))
    if not is_address(facts.get(Fact.ADDRESS, "")):
        return None
    said = facts.get(Fact.KIND, "").casefold()
    return LegacyMailbox(said if said in MAILBOXES.values() else kind, facts[Fact.ADDRESS], facts), others


def is_address(text: str) -> bool:
    """Tell whether a text is an e-mail address as the configuration takes it."""
    return len(text) <= _LONGEST_ADDRESS and ADDRESS.fullmatch(text) is not None


def _below(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    for where, one in node.within(path.rpartition("/")[0]):
        if one is not node:
            yield where, one


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
