"""Match regular expressions in time that no pattern can blow up: states are walked side by side, not one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_STATES = 1_000
_MOST_STEPS = 60_000  # of one removal: some 20 ms
_MOST_DEPTH = 50
_ASSERTIONS = {"^": r"\A", "$": r"\Z", r"\A": r"\A", r"\Z": r"\Z", r"\z": r"\Z", r"\b": r"\b", r"\B": r"\B"}
_REPEAT = re.compile(r"\{([0-9]{1,3})(,?)([0-9]{0,3})\}")
_PLAIN_GROUP = re.compile(r"\?(?::|P?<[A-Za-z_]\w{0,30}>)")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[sSdDwWbBAZztnrfv]|[^A-Za-z0-9])", re.DOTALL)
_SET = re.compile(r"\[\^?\]?(?:[^\]\\\[]|\\.)*+\]", re.DOTALL)


class UnfitPatternError(ValueError):
    """The pattern is wrong, too large, or uses what has no bound in time (look-around, back references)."""


@dataclass(slots=True)
class _State:
    """One state: a test of one character, a test of the place, or a fork.  `follow` holds where it leads."""

    test: re.Pattern[str] | None
    place: bool
    follow: list[int]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """How often an atom stands: at least, at most (None: no bound), and whether rather less often than more."""

    fewest: int = 1
    most: int | None = 1
    lazy: bool = False


class LinearPattern:
    """A regular expression; case is ignored.

    It matches what Python's `re` does, save that possessive repeats count as greedy ones, and that repeats of what can be
    empty may end elsewhere.  Raises UnfitPatternError.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._built = 0
        self._states: list[_State] = [_State(None, place=False, follow=[])]  # state 0: matched
        self._first = self._alternatives(0)
        if self._at < len(text):
            msg = f"a closing parenthesis too many at character {self._at + 1}"
            raise UnfitPatternError(msg)

    def remove(self, text: str) -> str:
        """Return the text without all matches; what remains when the budget of steps is spent stays as it is."""
        kept: list[str] = []
        steps = _Steps()
        start = rest = 0
        while start < len(text) and steps.left > 0:
            end = self._end(text, start, steps)
            if end > start:
                kept.append(text[rest:start])
                rest = start = end
            else:
                start += 1
        return "".join(kept) + text[rest:]

    def _end(self, text: str, start: int, steps: _Steps) -> int:
        """Return where the match from `start` ends, or `start` when there is none that holds a character."""
        end = at = start
        active = self._closure([self._first], text, at, steps)
        while active and steps.left > 0:
            if 0 in active:
                preferred = active[
                    : active.index(0)
                ]  # whoever comes behind a match would only have been tried without it
                active = preferred if at > start else [state for state in active if state]
                end = at
            if at == len(text):
                break
            states = map(self._states.__getitem__, active)
            after = [state.follow[0] for state in states if state.test and state.test.match(text, at)]
            at += 1
            active = self._closure(after, text, at, steps)
        return end

    def _closure(self, pending: list[int], text: str, at: int, steps: _Steps) -> list[int]:
        """Return the states reached without reading a character, preferred ones first: tests of one, and the end."""
        seen: set[int] = set()
        active: list[int] = []
        pending.reverse()
        while pending:
            number = pending.pop()
            if number in seen:
                continue
            seen.add(number)
            state = self._states[number]
            if number == 0 or (state.test and not state.place):
                active.append(number)
            elif state.test is None or state.test.match(text, at):
                pending.extend(reversed(state.follow))
        steps.left -= len(seen) + 1
        return active

    def _add(self, test: re.Pattern[str] | None, follow: list[int], *, place: bool = False) -> int:
        if len(self._states) >= _MOST_STATES:
            msg = f"it needs more than {_MOST_STATES} states"
            raise UnfitPatternError(msg)
        self._states.append(_State(test, place, follow))
        return len(self._states) - 1

    def _alternatives(self, after: int) -> int:
        """Read up to the end of the group; return the state to begin with, all branches leading to `after`."""
        branches = [self._sequence(after)]
        while self._text.startswith("|", self._at):
            self._at += 1
            branches.append(self._sequence(after))
        return branches[0] if len(branches) == 1 else self._add(None, branches)

    def _sequence(self, after: int) -> int:
        """Read the atoms of one branch, then build them from the last to the first."""
        spans = list(self._spans())
        here = self._at
        for begin, repeat in reversed(spans):
            after = self._repeated(begin, repeat, after)
        self._at = here
        return after

    def _spans(self) -> Iterator[tuple[int, _Repeat]]:
        """Yield where each atom of this branch begins and how often it stands there."""
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            begin = self._at
            self._skip_atom()
            yield begin, self._repeat()

    def _skip_atom(self) -> None:
        """Step over one atom, a group with all that stands in it."""
        depth = 0
        while True:
            found = self._character()
            depth += (found == "(") - (found == ")")
            if depth == 0:
                return
            if depth > _MOST_DEPTH:
                msg = "its groups are nested too deep"
                raise UnfitPatternError(msg)

    def _character(self) -> str:
        """Step over one character, escape or set and return it; a bracket of a group comes alone."""
        text, at = self._text, self._at
        if at >= len(text):
            msg = "a group is not closed"
            raise UnfitPatternError(msg)
        found = {"\\": _ESCAPE, "[": _SET}.get(text[at])
        match = found.match(text, at) if found else None
        if found and not match:
            msg = f"character {at + 1} begins what is not understood"
            raise UnfitPatternError(msg)
        self._at = match.end() if match else at + 1
        if not match and text[at] == "(" and text.startswith("?", self._at):
            group = _PLAIN_GROUP.match(text, self._at)
            if not group:
                msg = f"the group at character {at + 1} is of a kind that takes unbounded time"
                raise UnfitPatternError(msg)
            self._at = group.end()
        return text[at : self._at] if match else text[at]

    def _repeat(self) -> _Repeat:
        """Read the quantifier behind an atom, if there is one."""
        text = self._text
        sign = text[self._at : self._at + 1]
        exact = _REPEAT.match(text, self._at)
        if exact:
            self._at = exact.end()
            fewest = int(exact[1])
            most = int(exact[3]) if exact[3] else None if exact[2] else fewest
        elif sign and sign in "*+?":
            self._at += 1
            fewest, most = (1 if sign == "+" else 0), (1 if sign == "?" else None)
        else:
            return _Repeat()
        lazy = text.startswith("?", self._at)
        if text.startswith(("?", "+"), self._at):
            self._at += 1
        if text.startswith(("*", "+", "?"), self._at) or (most is not None and most < fewest):
            msg = f"a repeat that makes no sense before character {self._at + 1}"
            raise UnfitPatternError(msg)
        return _Repeat(fewest, most, lazy)

    def _repeated(self, begin: int, repeat: _Repeat, after: int) -> int:
        """Build the atom at `begin` as often as it must and may stand before `after`."""
        way = -1 if repeat.lazy else 1
        if repeat.most is None:
            loop = self._add(None, [])
            body = self._atom(begin, loop)
            self._states[loop].follow = [body, after][::way]
            after = loop
        for _ in range((repeat.most or repeat.fewest) - repeat.fewest):
            after = self._add(None, [self._atom(begin, after), after][::way])
        for _ in range(repeat.fewest):
            after = self._atom(begin, after)
        return after

    def _atom(self, begin: int, after: int) -> int:
        """Build one atom once."""
        self._built += 1
        if self._built > _MOST_STATES:
            msg = f"its repeats build more than {_MOST_STATES} parts"
            raise UnfitPatternError(msg)
        self._at = begin
        found = self._character()
        if found == "(":
            first = self._alternatives(after)
            self._at += 1
            return first
        if found in ("*", "+", "?"):
            msg = f"nothing to repeat at character {begin + 1}"
            raise UnfitPatternError(msg)
        if found in _ASSERTIONS:
            return self._add(re.compile(_ASSERTIONS[found]), [after], place=True)
        test = re.escape(found) if len(found) == 1 and found != "." else found
        try:
            return self._add(re.compile(test, re.IGNORECASE), [after])
        except re.error as wrong:
            msg = f"the set at character {begin + 1} is wrong: {wrong.msg}"
            raise UnfitPatternError(msg) from wrong


class _Steps:
    """How many steps a removal may still take."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _MOST_STEPS
