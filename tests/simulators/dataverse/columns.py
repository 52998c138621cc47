"""A column of a Dataverse table: its kind, limits and choices, and what its value may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?")
_WHOLE = {"integer", "bigint", "choice"}

EDM = {
    "string": "Edm.String",
    "integer": "Edm.Int32",
    "bigint": "Edm.Int64",
    "choice": "Edm.Int32",
    "decimal": "Edm.Decimal",
    "boolean": "Edm.Boolean",
    "instant": "Edm.DateTimeOffset",
    "guid": "Edm.Guid",
    "lookup": "Edm.Guid",
}
"""The types of OData that the kinds are in the service's metadata."""


@dataclass(frozen=True)
class Column:
    """`states` tells for each value of statuscode the statecode it belongs to; `required` that Dataverse wants a value."""

    name: str
    kind: str
    longest: int | None = None
    low: float | None = None
    high: float | None = None
    options: Mapping[int, str] = field(default_factory=dict)
    states: Mapping[int, int] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    required: bool = False
    writable: bool = True

    @property
    def property_name(self) -> str:
        """The name in JSON: lookups are read as _name_value."""
        return f"_{self.name}_value" if self.kind == "lookup" else self.name

    def has_type(self, value: Any) -> bool:
        """Tell whether a JSON value is of the column's type; null always is."""
        if value is None:
            return True
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind in _WHOLE:
            return isinstance(value, int) and not isinstance(value, bool)
        if self.kind == "decimal":
            return isinstance(value, int | float) and not isinstance(value, bool)
        pattern = {"guid": GUID, "lookup": GUID, "instant": _INSTANT}.get(self.kind)
        return isinstance(value, str) and (pattern is None or pattern.fullmatch(value) is not None)

    def is_too_long(self, value: Any) -> bool:
        """Tell whether a text is over the column's length, counted in UTF-16 units as .NET does."""
        return (
            isinstance(value, str) and self.longest is not None and len(value.encode("utf-16-le")) // 2 > self.longest
        )

    def is_in_range(self, value: Any) -> bool:
        """Tell whether a number or choice is one that the column takes."""
        if value is None or self.kind not in {*_WHOLE, "decimal"}:
            return True
        if self.kind == "choice":
            return not self.options or value in self.options
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
