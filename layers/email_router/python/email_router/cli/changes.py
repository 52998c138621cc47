"""What differs between two configurations as `show --json` prints them, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NAMED = {"profiles": ("direction", "name"), "mailboxes": ("address",)}
"""Lists whose entries are known by these values, and not by where they stand."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; `path` leads to it, and what is None was not there or is not there any more."""

    path: str
    before: object
    after: object


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change]:
    """Return what differs, in the order of the configuration; the version's number is no difference."""
    return [one for one in _of("", _plain(before), _plain(after)) if one.path != "version"]


def _of(path: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        where = f"{path}.{name}" if path else name
        was, now = before.get(name), after.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _of(where, was, now)
        elif was != now:
            yield Change(where, was, now)


def _plain(shown: Mapping[str, object]) -> dict[str, object]:
    """Return the configuration with its named entries under their names."""
    plain = dict(shown)
    for name, keys in _NAMED.items():
        entries = plain.pop(name, None)
        if isinstance(entries, list):
            plain |= {f"{name} {' '.join(str(entry[key]) for key in keys)}": entry for entry in entries}
    return plain
