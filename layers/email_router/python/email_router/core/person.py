"""Find a person in a value of any shape, and say the value without him."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from email_router.core.activity import EmailActivity, Party, Record
from email_router.core.message import Address
from email_router.core.parse import parse
from email_router.core.smart_hash import address_hash

T = TypeVar("T")

ERASED_ADDRESS = "erased@erased.invalid"
"""What stands for an erased address where others' e-mails name it (RFC 2606: nobody is reached there)."""

ERASED_NAME = "[erased]"

_AT = r"(?:@|%40|&#0*64;|&#x0*40;)"
_BEFORE = r"(?:(?<![\w.%+&-])(?<!\w')|(?<=%[0-9A-Fa-f]{2}))"
_BOUNCES = r"(?<![\w.])"
_AFTER = r"(?![\w-]|\.\w)"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about: the address, the names that it bore, the records (kind and id) that are the person's."""

    address: str
    names: frozenset[str] = frozenset()
    records: frozenset[tuple[str, str]] = frozenset()

    @property
    def mark(self) -> str:
        """The hash that stands for the address among the participants of a conversation."""
        return address_hash(self.address)

    def has(self, address: str) -> bool:
        """Tell whether this is the person's address."""
        return address.strip().casefold() in _forms(self.address)

    def named_in(self, value: object) -> bool:
        """Tell whether a value of any shape holds the address, or one of the records."""
        if isinstance(value, str):
            return not isinstance(value, Enum) and bool(_pattern(self.address).search(value))
        if isinstance(value, bytes):
            return bool(_pattern(self.address).search(value.decode("utf-8", "replace")))
        if _ident(value) in self.records:
            return True
        return any(self.named_in(one) for one in _parts(value))

    def without(self, value: T) -> T:
        """Return the value with address and names replaced, and without the records, in whatever depth they stand."""
        rewritten: T = _without(self, value)
        return rewritten

    def in_words(self, text: str) -> str:
        """Return a text with the address and whole names replaced.  A name of one word is many people's, and stays."""
        text = _pattern(self.address).sub(ERASED_ADDRESS, text)
        whole = frozenset(name for name in self.names if " " in name)
        return _names(whole).sub(ERASED_NAME, text) if whole else text


def names_of(person: Person, email: EmailActivity) -> frozenset[str]:
    """Return the names that the address bears in an e-mail."""
    named = [(one.address, one.name) for one in email.parties]
    named += [(one.address, one.name) for one in email.reply_to]
    return frozenset(told for address, name in named if person.has(address) and (told := name.strip()))


def mail_names(person: Person, raw: bytes, *, read: bool = True) -> bool:
    """Tell whether a raw mail names the person: in its bytes, or, where it may be read, in what they say decoded."""
    if person.named_in(raw):
        return True
    if not read:
        return False
    message = parse(raw)
    return person.named_in((message.headers, message.subject, message.text, message.html))


@lru_cache(maxsize=64)
def _forms(address: str) -> frozenset[str]:
    """Return the address as it may be written: its domain in letters, and as IDNA writes it."""
    own = address.strip().casefold()
    local, _, domain = own.rpartition("@")
    found = {own}
    try:
        found.add(f"{local}@{domain.encode('idna').decode()}")
        found.add(f"{local}@{domain.encode('ascii').decode('idna')}")
    except UnicodeError:  # one of the two it is already
        pass
    return frozenset(found)


@lru_cache(maxsize=64)
def _pattern(address: str) -> re.Pattern[str]:
    """Return what finds the address in a text, also as links and bounce addresses write it, and no longer one that ends in it."""
    written = []
    for form in sorted(_forms(address)):
        local, _, domain = form.rpartition("@")
        written.append(f"{_BEFORE}{re.escape(local)}{_AT}{re.escape(domain)}")
        written.append(f"{_BOUNCES}{re.escape(local)}={re.escape(domain)}")
    return re.compile(f"(?:{'|'.join(written)}){_AFTER}", re.IGNORECASE)


@lru_cache(maxsize=64)
def _names(names: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


def _ident(value: object) -> tuple[str, str]:
    """Return kind and id of a record, also where it stands in a row; of anything else empty ones."""
    if isinstance(value, Record):
        return value.kind, value.id
    if isinstance(value, Mapping) and "kind" in value and "id" in value:
        return str(value["kind"]), str(value["id"])
    return "", ""


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    if isinstance(value, tuple | list | frozenset | set):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return (getattr(value, one.name) for one in fields(value))
    return ()


def _without(person: Person, value: Any) -> Any:  # noqa: ANN401 - whatever it is, it comes back as that
    if isinstance(value, str):
        return value if isinstance(value, Enum) else person.in_words(value)
    if _ident(value) in person.records:
        return None
    if isinstance(value, Mapping):
        return {_without(person, name): _field(person, name, one) for name, one in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return type(value)(_without(person, one) for one in value)
    if isinstance(value, Party | Address) and person.has(value.address):
        named = replace(value, address=ERASED_ADDRESS, name=ERASED_NAME if value.name else "")
        return replace(named, record=None) if isinstance(named, Party) else named
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _field(person, one.name, getattr(value, one.name)) for one in fields(value)})
    return value


def _field(person: Person, name: object, value: Any) -> Any:  # noqa: ANN401 - as above
    """Return a field without the person: what he owned is nobody's."""
    return "" if name == "owner" and isinstance(value, str) and person.has(value) else _without(person, value)
