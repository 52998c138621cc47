"""Hold what a stage chose for the stack's parameters against what they take, before AWS does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from infra_cdk.stage import ParameterValue


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is a text: one of `values`, or of the form `pattern`, where they are given."""

    name: str
    values: Sequence[str] | None = None
    pattern: str | None = None

    def taken(self, chosen: ParameterValue) -> str:
        """Return the value as CloudFormation writes it: true and false in small letters, a list with commas between.

        Raises SystemExit when the parameter does not take it.
        """
        text = _text(chosen)
        if self.values and text not in self.values:
            raise _refusal(self.name, chosen, f"one of {', '.join(self.values)}")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise _refusal(self.name, chosen, f"the form {self.pattern}")
        return text


@dataclass(frozen=True, slots=True)
class Span:
    """A parameter that is a number, between these two bounds."""

    name: str
    least: int
    most: int

    def taken(self, chosen: ParameterValue) -> int:
        """Return the number.  Raises SystemExit when it is none or out of bounds."""
        if isinstance(chosen, bool) or not isinstance(chosen, int) or not self.least <= chosen <= self.most:
            raise _refusal(self.name, chosen, f"a number from {self.least} to {self.most}")
        return chosen


def unknown(chosen: Mapping[str, ParameterValue], known: Iterable[str]) -> None:
    """Refuse names that no parameter has.  Raises SystemExit that names them, and what may have been meant."""
    names = list(known)
    for name in sorted(chosen.keys() - set(names)):
        close = get_close_matches(name, names, 1)
        meant = f"did you mean {close[0]}?" if close else "docs/deploying.md lists them"
        raise SystemExit(f"parameters.{name}: the stack has no such parameter; {meant}")


def _text(chosen: ParameterValue) -> str:
    if isinstance(chosen, bool):
        return str(chosen).lower()
    return ",".join(chosen) if isinstance(chosen, tuple) else str(chosen)


def _refusal(name: str, chosen: ParameterValue, expected: str) -> SystemExit:
    return SystemExit(f"parameters.{name}: expected {expected}, found {chosen!r}")
