"""Read $filter and judge rows by it (OData 4.0 part 2, 5.1.1; what Dataverse takes of it)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tests.simulators.dataverse import errors
from tests.simulators.dataverse.columns import GUID
from tests.simulators.dataverse.tables import Table
from tests.simulators.dataverse.world import Row

Judge = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*'|"[^"]*")
    | (?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
    | (?P<instant>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_@][\w.]*)
    | (?P<mark>[(),=\[\]])
    )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_FIND: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda value, part: part in value,
    "startswith": lambda value, part: value.startswith(part),
    "endswith": lambda value, part: value.endswith(part),
}
_IN = "Microsoft.Dynamics.CRM.In"
_WORDS = {"null": None, "true": True, "false": False}


def judge_of(table: Table, text: str, query: Mapping[str, str] = MappingProxyType({})) -> Judge:
    """Return the judgement that a filter means, its @aliases taken from the query; Dataverse's 400 for what it cannot read."""
    whole = re.sub(r"@\w+(?=[,)\s]|$)", lambda found: query.get(found[0], found[0]), text)
    reader = _Reader(table, whole)
    judge = reader.any_of()
    reader.end()
    return judge


def folded(value: Any) -> Any:
    """Return a value as it is compared: texts without case, as the database does."""
    if isinstance(value, tuple):
        return str(value[1]).lower()
    return value.lower() if isinstance(value, str) else value


class _Reader:
    def __init__(self, table: Table, text: str) -> None:
        self._table = table
        self._text = text
        self._tokens = self._split(text)
        self._at = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise errors.syntax(f"Syntax error at position {position} in '{text}'.")
            tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()
        return tokens

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise errors.syntax(f"Syntax error: '{self._tokens[self._at][1]}' was not expected in '{self._text}'.")

    def any_of(self) -> Judge:
        parts = [self._all_of()]
        while self._take("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _all_of(self) -> Judge:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self) -> Judge:
        if self._take("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if self._take("("):
            inner = self.any_of()
            self._need(")")
            return inner
        word = self._next("word")
        if word in _FIND:
            return self._finding(word)
        if word == _IN:
            return self._listed()
        return self._comparison(self._column(word))

    def _finding(self, word: str) -> Judge:
        self._need("(")
        column = self._column(self._next("word"))
        self._need(",")
        part = str(folded(self._value()))
        self._need(")")
        return lambda row: _FIND[word](str(folded(row.get(column)) or ""), part)

    def _listed(self) -> Judge:
        """Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=['a','b'])."""
        for mark in ("(", "PropertyName", "="):
            self._need(mark)
        column = self._column(str(self._value()))
        for mark in (",", "PropertyValues", "=", "["):
            self._need(mark)
        wanted = self._values("]")
        self._need(")")
        return self._among(column, wanted)

    def _comparison(self, column: str) -> Judge:
        word = self._next("word")
        if word == "in":
            self._need("(")
            return self._among(column, self._values(")"))
        wanted = self._value()
        if word == "eq":
            return lambda row: bool(folded(row.get(column)) == folded(wanted))
        if word == "ne":
            return lambda row: bool(folded(row.get(column)) != folded(wanted))
        if word not in _COMPARE:
            raise errors.syntax(f"Syntax error: '{word}' is no operator in '{self._text}'.")
        compare = _COMPARE[word]
        return lambda row: row.get(column) is not None and compare(folded(row[column]), folded(wanted))

    def _among(self, column: str, wanted: Sequence[Any]) -> Judge:
        kind = self._table.columns[column].kind
        known = {folded(int(one) if kind == "choice" and isinstance(one, str) else one) for one in wanted}
        return lambda row: folded(row.get(column)) in known

    def _values(self, closing: str) -> list[Any]:
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._need(closing)
        return values

    def _value(self) -> Any:
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")
        self._at += 1
        if kind == "text":
            plain = text[1:-1].replace("''", "'")
            return plain.lower() if GUID.fullmatch(plain) else plain
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind in {"guid", "instant"}:
            return text
        raise errors.syntax(f"Syntax error: a value was expected, found '{text}' in '{self._text}'.")

    def _column(self, name: str) -> str:
        column = self._table.properties.get(name) or self._table.columns.get(name)
        if column is None or (column.kind == "lookup" and name == column.name):
            raise errors.unknown_property(self._table.name, name)
        return column.name

    def _take(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][1] == text and self._tokens[self._at][0] != "text":
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise errors.syntax(f"Syntax error: '{text}' was expected in '{self._text}'.")

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise errors.syntax(f"Syntax error: a name was expected in '{self._text}'.")
        self._at += 1
        return self._tokens[self._at - 1][1]
