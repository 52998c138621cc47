"""How far the folders of a mailbox in Exchange Online have been read, as a position keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from email_router.core.fetched import Position
from email_router.edge.connect.graph_folders import folder_key
from email_router.edge.connect.passed import NOTHING_PASSED, Passed, carried_over

if TYPE_CHECKING:
    from collections.abc import Iterable

INBOX = "inbox"

_WHOLE = "whole"
_FILTERED = "filtered"
_LYING = "lying "
_PASSED = "passed "
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where one folder has been read to: the link that Graph gave, empty before the first round.

    `filtered` tells that the round asks only for messages received since a date; `seen` counts what it has listed.  `whole` asks for a first
    round without that filter.  `lying` is set while the mailbox is over its quota: up to which time of receipt (as Graph writes it) the
    folder was listed without a delta query, and `told` are digests of the messages of that second.  `passed` is for a change to EWS, and
    from it.  `handled` are digests of the ids listed last, where the router itself takes messages out of the folder; the mark has them not.
    """

    link: str = ""
    filtered: bool = False
    seen: int = 0
    whole: bool = False
    lying: str = ""
    told: tuple[str, ...] = ()
    passed: Passed = NOTHING_PASSED
    handled: tuple[str, ...] = ()

    def mark(self) -> str:
        """Write it as text short enough to be read at every poll."""
        passed = self.passed.text()
        return f"{_PASSED}{passed} {self._mark()}" if passed else self._mark()

    def _mark(self) -> str:
        text = self.link
        if self.whole:
            text = _WHOLE
        elif self.filtered:
            text = f"{_FILTERED}:{self.seen} {text}" if self.seen else f"{_FILTERED} {text}"
        return f"{_LYING}{self.lying} {','.join(self.told) or _NOTHING} {text}" if self.lying else text

    @classmethod
    def of_mark(cls, mark: str) -> Cursor:
        """Read a mark; what cannot be read begins anew."""
        if not mark.startswith(_PASSED):
            return cls._of_mark(mark)
        passed, _, text = mark.removeprefix(_PASSED).partition(" ")
        return replace(cls._of_mark(text), passed=Passed.of_text(passed))

    @classmethod
    def _of_mark(cls, mark: str) -> Cursor:
        lying, told, text = "", _NOTHING, mark
        if mark.startswith(_LYING) and mark.count(" ") >= 3:  # noqa: PLR2004 - the blanks that mark() writes
            lying, told, text = mark.removeprefix(_LYING).split(" ", 2)
        names = () if told == _NOTHING else tuple(told.split(","))
        if text == _WHOLE:
            return cls(whole=True, lying=lying, told=names)
        head, blank, link = text.partition(" ")
        word, _, seen = head.partition(":")
        filtered = bool(blank) and word == _FILTERED and (not seen or seen.isdecimal())
        link = link if filtered else text
        if not link.startswith(("https://", "/")):
            return cls(lying=lying, told=names)
        return cls(link, filtered, int(seen) if filtered and seen else 0, lying=lying, told=names)

    def written(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        plain: dict[str, Any] = {"link": self.link, "filtered": self.filtered, "seen": self.seen, "whole": self.whole}
        if passed := self.passed.text():
            plain["passed"] = passed
        if self.handled:
            plain["handled"] = list(self.handled)
        return {**plain, "lying": self.lying, "told": list(self.told)} if self.lying else plain

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Cursor:
        """Read what `written` made.  Raises KeyError, TypeError or ValueError for anything else."""
        told = tuple(str(one) for one in found.get("told", ()))
        link, lying = str(found["link"]), str(found.get("lying", ""))
        passed = Passed.of_text(str(found.get("passed", "")))
        handled = tuple(str(one) for one in found.get("handled", ()))
        return cls(
            link, bool(found["filtered"]), int(found["seen"]), bool(found["whole"]), lying, told, passed, handled
        )


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursor of each folder, by the name that the profile calls it."""

    folders: Mapping[str, Cursor] = field(default_factory=dict)

    def of_folder(self, name: str) -> Cursor:
        """Return a folder's cursor; that of one never read is empty."""
        return self.folders.get(name, Cursor())

    def at(self, name: str, cursor: Cursor) -> Cursors:
        """Return the cursors with one folder read further."""
        return Cursors({**self.folders, name: cursor})

    def only(self, names: Iterable[str]) -> Cursors:
        """Return the cursors of these folders: what is no longer read is forgotten."""
        return Cursors({name: self.folders[name] for name in names if name in self.folders})

    def position(self) -> Position:
        """Write a position.  The links stand in the mark too, so that the mark alone finds news: one request, one read of the store."""
        written = {"folders": {name: cursor.written() for name, cursor in self.folders.items()}}
        marks = {name: cursor.mark() for name, cursor in self.folders.items()}
        alone = marks[INBOX] if set(marks) == {INBOX} else ""
        return Position(
            json.dumps(written, ensure_ascii=False).encode(), alone or json.dumps(marks, ensure_ascii=False)
        )

    @classmethod
    def of(cls, position: Position) -> Cursors:
        """Read a position's cursor, or its mark where there is none; what cannot be read begins anew.

        A position of the time when the inbox alone was read holds the inbox's cursor and nothing around it.  One of EWS tells until when
        each folder was passed.
        """
        if not position.cursor:
            return cls.of_mark(position.mark)
        try:
            found = json.loads(position.cursor)
            if "ews" in found:
                return cls.of_ews(found)
            table = found.get("folders", {INBOX: found})
            return cls({str(name): Cursor.read(one) for name, one in table.items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    @classmethod
    def of_mark(cls, mark: str) -> Cursors:
        """Read a mark."""
        if not mark.startswith("{"):
            return cls({INBOX: Cursor.of_mark(mark)} if mark else {})
        try:
            table = json.loads(mark)
            if isinstance(table.get("ews"), dict):
                return cls.of_ews(table)
            return cls({str(name): Cursor.of_mark(one) for name, one in table.items() if isinstance(one, str)})
        except ValueError:
            return cls()

    @classmethod
    def of_ews(cls, found: Mapping[str, Any]) -> Cursors:
        """Begin where a position of EWS has passed everything."""
        told = found.get("passed")
        passed = carried_over(told if isinstance(told, dict) else {})
        return cls({folder_key(name): Cursor(passed=one) for name, one in passed.items()})
