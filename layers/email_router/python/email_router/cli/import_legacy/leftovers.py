"""Keep what could not be carried over, each thing once with the places where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from email_router.cli.import_legacy.words import Left


class Where(NamedTuple):
    """A place in the file: the path of an element, and its line; 0 where it is none of the file's."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of the file that is not in the configuration: where it stood, why, and what to do about it."""

    kind: Left
    path: str
    why: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A leftover with the lines where it stood."""

    leftover: Leftover
    lines: tuple[int, ...]

    def words(self) -> str:
        """Return it in a line of words."""
        one = self.leftover
        more = f" and {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        place = f" (line {self.lines[0]}{more})" if self.lines and self.lines[0] else ""
        return f"{one.kind.value.replace('_', ' ')}: {one.path}{place}: {one.why}" + (f". {one.do}" if one.do else "")

    def json(self) -> dict[str, object]:
        """Return it for machines."""
        one = self.leftover
        lines = [line for line in self.lines if line]
        return {"kind": one.kind.value, "where": one.path, "lines": lines, "why": one.why, "do": one.do or None}


@dataclass(slots=True)
class Leftovers:
    """All that is left, in the order in which it was met."""

    _lines: dict[Leftover, list[int]] = field(default_factory=dict)

    def add(self, kind: Left, where: Where, why: str, do: str = "") -> None:
        """Note one."""
        self._lines.setdefault(Leftover(kind, where.path, why, do), []).append(where.line)

    def __iter__(self) -> Iterator[Told]:
        """Yield each, what is to be done first."""
        order = list(Left)
        told = [Told(leftover, tuple(lines)) for leftover, lines in self._lines.items()]
        yield from sorted(told, key=lambda one: order.index(one.leftover.kind))
