"""Hold every answer to the metadata: known properties, right types, lengths and choices.  Apart from what makes the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.simulators.dataverse.tables import Table, tables

_OF_ANSWER = frozenset({"@odata.context", "@odata.count", "@odata.nextLink", "value"})


def problems_of_answer(table: Table, content: Any) -> Iterator[str]:
    """Yield what is wrong with an answer about one row or a collection of a table."""
    if not isinstance(content, dict) or "error" in content:
        return
    if not isinstance(content.get("@odata.context"), str):
        yield "an answer without @odata.context"
    if isinstance(content.get("value"), list):
        yield from (f"unknown {name} in a collection" for name in content if name not in _OF_ANSWER)
        for row in content["value"]:
            yield from problems_of_row(table, row)
    else:
        yield from problems_of_row(table, {key: value for key, value in content.items() if key != "@odata.context"})


def problems_of_row(table: Table, row: Any) -> Iterator[str]:
    """Yield what is wrong with one row."""
    if not str(row.get("@odata.etag", "")).startswith('W/"'):
        yield f"a row of {table.name} without etag"
    if table.key not in row:
        yield f"a row of {table.name} without its key"
    for name, value in row.items():
        yield from _problems_of_property(table, row, name, value)


def _problems_of_property(table: Table, row: Any, name: str, value: Any) -> Iterator[str]:
    plain, mark, _ = name.partition("@")
    if mark:
        if plain and plain not in row:
            yield f"{table.name}: {name} annotates nothing"
        return
    if name in table.many:
        for inner in value:
            yield from problems_of_row(tables()[table.many[name][0]], inner)
    elif name in table.single:
        if value is not None and (target := _target(table, name, value)):
            yield from problems_of_row(target, value)
    elif (column := table.properties.get(name)) is None:
        yield f"{table.name} has no property {name}"
    elif not column.has_type(value) or column.is_too_long(value) or not column.is_in_range(value):
        yield f"{table.name}.{name}: {value!r} does not fit {column.kind} ({column.longest})"


def _target(table: Table, name: str, value: Any) -> Table | None:
    found = [tables()[target] for _, target in table.single[name] if target in tables()]
    return next((target for target in found if target.key in value), None)
