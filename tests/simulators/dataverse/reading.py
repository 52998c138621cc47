"""Answer queries: $select, $expand, $filter, $orderby, $top, $count, pages and annotations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.simulators.dataverse import errors
from tests.simulators.dataverse.annotations import annotated, preferences
from tests.simulators.dataverse.columns import Column
from tests.simulators.dataverse.filters import folded, judge_of
from tests.simulators.dataverse.tables import Table, tables
from tests.simulators.dataverse.world import Row, World
from tests.simulators.graph.http import Request

Json = dict[str, Any]

API = "/api/data/v9.2"
LARGEST_PAGE = 5000
_OPTIONS = frozenset({"$select", "$expand", "$filter", "$orderby", "$top", "$count", "$skiptoken"})


def one(world: World, request: Request, table: Table, row: Row) -> Json:
    """Return the answer to a request for one row."""
    select, expand = options_of(table, request.query)
    context = f"{request.base}{API}/$metadata#{table.set_name}/$entity"
    return {"@odata.context": context, **shown(world, request, table, row, select, expand)}


def many(world: World, request: Request, table: Table, rows: Sequence[Row]) -> Json:
    """Return the answer to a request for a collection, one page of it."""
    query = request.query
    unknown = sorted(name for name in query if name.startswith("$") and name not in _OPTIONS)
    if unknown:
        raise errors.syntax(f"The query parameter {unknown[0]} is not supported.")
    select, expand = options_of(table, query)
    judge = judge_of(table, query["$filter"], query) if "$filter" in query else None
    found = ordered(table, [row for row in rows if judge is None or judge(row)], query.get("$orderby", ""))
    answer: Json = {"@odata.context": f"{request.base}{API}/$metadata#{table.set_name}"}
    if query.get("$count") == "true":
        answer["@odata.count"] = min(len(found), LARGEST_PAGE)
    if "$top" in query:
        found = found[: _whole(query["$top"])]
    page, link = _page(request, table, found)
    answer["value"] = [shown(world, request, table, row, select, expand) for row in page]
    if link:
        answer["@odata.nextLink"] = link
    return answer


def options_of(table: Table, query: Mapping[str, str]) -> tuple[list[Column] | None, dict[str, Mapping[str, str]]]:
    """Read $select (None: everything) and $expand (navigation property to its own options)."""
    select = _selected(table, query["$select"]) if query.get("$select") else None
    return select, _expanded(table, query.get("$expand", ""))


def _selected(table: Table, text: str) -> list[Column]:
    found = []
    for name in (part.strip() for part in text.split(",")):
        column = table.properties.get(name)
        if column is None:
            raise errors.unknown_property(table.name, name)
        found.append(column)
    return found


def _expanded(table: Table, text: str) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for part in filter(None, _split(text, ",")):
        name, _, inner = part.partition("(")
        if name not in table.single and name not in table.many:
            raise errors.unknown_property(table.name, name)
        options = dict(option.split("=", 1) for option in _split(inner.removesuffix(")"), ";") if "=" in option)
        if "$expand" in options:
            raise errors.syntax("Only one level of $expand is supported here.")
        found[name] = options
    return found


def _split(text: str, mark: str) -> list[str]:
    """Split at marks that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _whole(text: str) -> int:
    if not text.isdigit():
        raise errors.syntax(f"'{text}' is not a whole number.")
    return int(text)


def ordered(table: Table, rows: Sequence[Row], text: str) -> list[Row]:
    """Sort rows; null comes first in ascending order, as in the database."""
    found = list(rows)
    for part in reversed([part.strip() for part in text.split(",") if part.strip()]):
        name, _, way = part.partition(" ")
        column = table.properties.get(name)
        if column is None or way.strip() not in {"", "asc", "desc"}:
            raise errors.unknown_property(table.name, name)
        found.sort(key=partial(_place, column.name), reverse=way.strip() == "desc")
    return found


def _place(name: str, row: Row) -> tuple[bool, Any]:
    return row.get(name) is not None, folded(row.get(name)) or 0


def _page(request: Request, table: Table, rows: Sequence[Row]) -> tuple[Sequence[Row], str]:
    wanted = preferences(request).get("odata.maxpagesize")
    size = min(_whole(wanted), LARGEST_PAGE) if wanted else LARGEST_PAGE
    start, number = 0, 1
    if "$skiptoken" in request.query:
        cookie = _cookie(request.query["$skiptoken"])
        number = cookie["page"]
        keys = [row[table.key] for row in rows]
        start = keys.index(cookie["last"]) + 1 if cookie["last"] in keys else (number - 1) * size
    page = rows[start : start + size]
    if start + size >= len(rows) or "$top" in request.query:
        return page, ""
    token = json.dumps({"page": number + 1, "last": page[-1][table.key]})
    query = {**request.query, "$skiptoken": token}
    options = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return page, f"{request.base}{request.path}?{options}"


def _cookie(text: str) -> Json:
    try:
        found: Json = json.loads(text)
    except ValueError as problem:
        raise errors.syntax("Malformed XML in paging cookie.") from problem
    return found


def shown(
    world: World,
    request: Request,
    table: Table,
    row: Row,
    select: list[Column] | None,
    expand: Mapping[str, Mapping[str, str]],
) -> Json:
    """Return a row as JSON: its etag, the columns asked for, its key, annotations where preferred, and what is expanded."""
    wanted = list(table.columns.values()) if select is None else [*select, table.columns[table.key]]
    content: Json = {"@odata.etag": etag(row)}
    for column in wanted:
        value = row.get(column.name)
        content |= annotated(world, request, table, column, value)
        content[column.property_name] = value.id if column.kind == "lookup" and value else value
    for name, inner in expand.items():
        content[name] = _inside(world, request, table, row, name, inner)
    return content


def etag(row: Row) -> str:
    """Return a row's version as a weak ETag."""
    return f'W/"{row["versionnumber"]}"'


def _inside(world: World, request: Request, table: Table, row: Row, name: str, inner: Mapping[str, str]) -> Any:
    """Return what an expanded navigation property holds."""
    if name in table.many:
        child = tables()[table.many[name][0]]
        world.need("Read", child)
        select, _ = options_of(child, inner)
        rows = world.children(child.name, table.many[name][1], row[table.key])
        if "$filter" in inner:
            rows = [one for one in rows if judge_of(child, inner["$filter"])(one)]
        return [
            shown(world, request, child, one, select, {}) for one in ordered(child, rows, inner.get("$orderby", ""))
        ]
    for column, target in table.single[name]:
        reference = row.get(column)
        if reference and reference.table == target and target in tables():
            world.need("Read", tables()[target])
            select, _ = options_of(tables()[target], inner)
            return shown(world, request, tables()[target], world.get(target, reference.id), select, {})
    return None
