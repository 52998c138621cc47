"""Answer one request of the Web API: find what its path means, and read, write or act."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tests.simulators.dataverse import actions, definitions, errors, privileges, reading, writing
from tests.simulators.dataverse.annotations import preferences
from tests.simulators.dataverse.columns import GUID
from tests.simulators.dataverse.tables import Table, by_set, tables
from tests.simulators.dataverse.world import Row, World
from tests.simulators.graph.http import Reply, Request

Json = dict[str, Any]

_SEGMENT = re.compile(r"(?P<name>[\w.]+)(?:\((?P<key>.*)\))?")
_KEYED = re.compile(r"(\w+)='((?:[^']|'')*)'")
_NAMESPACE = "Microsoft.Dynamics.CRM."


def answer(world: World, request: Request) -> Reply:
    """Answer a request whose bearer is known, wholly or not at all; errors as Dataverse words them."""
    before = world.snapshot() if request.method != "GET" else None
    path = unquote(re.sub(r"^/api/data/v9\.\d/?", "", request.path))
    try:
        if path.startswith("EntityDefinitions"):
            return Reply(200, definitions.answer(request, path))
        first, _, rest = _cut(path)
        found = _SEGMENT.fullmatch(first)
        if found is None:
            raise errors.unknown_segment(first)
        table = by_set(found["name"])
        if table is None:
            return Reply(200, _unbound(world, request, found["name"], found["key"] or ""))
        if rest.startswith(_NAMESPACE) and request.method == "POST":
            return _bound(world, request, table, found["key"], rest.removeprefix(_NAMESPACE))
        return _rows(world, request, table, found["key"], rest)
    except errors.DataverseFailure as failure:
        if before is not None:
            world.restore(before)
        return failure.reply


def _cut(path: str) -> tuple[str, str, str]:
    """Split a path at the first slash outside brackets and quotes."""
    depth, quoted = 0, False
    for index, letter in enumerate(path):
        quoted ^= letter == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(letter, 0)
        if letter == "/" and depth == 0 and not quoted:
            return path[:index], "/", path[index + 1 :]
    return path, "", ""


def payload_of(request: Request) -> Json:
    """Return the body as a JSON object; an action without parameters may have none."""
    try:
        found = json.loads(request.body or b"{}")
    except ValueError as problem:
        raise errors.not_json() from problem
    if not isinstance(found, dict):
        raise errors.not_json()
    return found


def _unbound(world: World, request: Request, name: str, arguments: str) -> Json:
    if request.method == "GET" and name in actions.FUNCTIONS:
        given = actions.arguments_of(arguments, request.query)
        return _response(request, name, actions.FUNCTIONS[name](world, given))
    if request.method == "POST" and name in actions.ACTIONS:
        return _response(request, name, actions.ACTIONS[name](world, payload_of(request)))
    raise errors.unknown_segment(name)


def _bound(world: World, request: Request, table: Table, key: str | None, name: str) -> Reply:
    given = payload_of(request)
    if key is None and (table.name, name) in actions.ON_COLLECTION:
        return Reply(200, _response(request, name, actions.ON_COLLECTION[(table.name, name)](world, given)))
    if key is not None and (table.name, name) in actions.ON_ROW:
        row_id, _ = _row_id(world, table, key)
        if row_id is None:
            raise errors.not_there(table.name, key)
        return Reply(200, _response(request, name, actions.ON_ROW[(table.name, name)](world, row_id, given)))
    raise errors.unknown_segment(f"{_NAMESPACE}{name}")


def _response(request: Request, name: str, content: Json) -> Json:
    return {"@odata.context": f"{request.base}{reading.API}/$metadata#{_NAMESPACE}{name}Response", **content}


def _rows(world: World, request: Request, table: Table, key: str | None, rest: str) -> Reply:
    if table.name == "activityparty" and request.method != "GET":  # written with their activity only
        words = f"The '{request.method}' method does not support entities of type 'activityparty'."
        raise errors.DataverseFailure(400, "0x80040800", words)
    if key is None:
        if rest:
            raise errors.unknown_segment(rest)
        if request.method == "GET":
            world.need("Read", table)
            return Reply(200, reading.many(world, request, table, list(world.rows[table.name].values())))
        if request.method == "POST":
            return _written(world, request, table, writing.create(world, table, payload_of(request)), made=True)
        raise errors.DataverseFailure(405, "0x8006088b", "The requested resource does not support this method.")
    row_id, alternate = _row_id(world, table, key)
    if table.name == "systemuser" and privileges.is_asked(request, rest):
        return Reply(200, _response(request, privileges.FUNCTION, privileges.answer(world, request, row_id, rest)))
    if rest.endswith("/$value") and request.method == "GET":
        return _value(world, table, row_id or key, rest.removesuffix("/$value"))
    if rest:
        return _children(world, request, table, row_id, rest)
    call = {"GET": _get, "PATCH": _patch, "DELETE": _delete}.get(request.method)
    if call is None:
        raise errors.DataverseFailure(405, "0x8006088b", "The requested resource does not support this method.")
    return call(world, request, table, row_id, {"id": key, **alternate})


def _row_id(world: World, table: Table, key: str) -> tuple[str | None, Mapping[str, str]]:
    """Return the id of the row that a key means (None: no such row), and the columns of an alternate key."""
    if GUID.fullmatch(key):
        return (key.lower() if key.lower() in world.rows[table.name] else None), {table.key: key.lower()}
    named = {name: value.replace("''", "'") for name, value in _KEYED.findall(key)}
    if len(named) != 1 or (table.name, next(iter(named))) not in world.alternate_keys:
        raise errors.DataverseFailure(
            400, "0x80060891", "The key in the request URI does not name an alternate key of the table."
        )
    name, value = next(iter(named.items()))
    rows = world.rows[table.name].items()
    return next((row_id for row_id, row in rows if row.get(name) == value), None), named


def _children(world: World, request: Request, table: Table, row_id: str | None, rest: str) -> Reply:
    """Answer table(id)/collection."""
    if rest not in table.many or request.method != "GET":
        raise errors.unknown_segment(rest)
    child, column = table.many[rest]
    if row_id is None:
        raise errors.not_there(table.name, rest)
    world.need("Read", tables()[child])
    return Reply(200, reading.many(world, request, tables()[child], world.children(child, column, row_id)))


def _value(world: World, table: Table, key: str, name: str) -> Reply:
    """Answer table(id)/column/$value: the raw value (OData 4.0 Protocol 11.2.3.1), a file's base64 as it stands in its column."""
    world.need("Read", table)
    column = table.properties.get(name)
    if column is None:
        raise errors.unknown_segment(name)
    value = world.get(table.name, key).get(column.name)
    return Reply(204) if value is None else Reply(200, str(value).encode(), {"Content-Type": "text/plain"})


def _get(world: World, request: Request, table: Table, row_id: str | None, key: Mapping[str, str]) -> Reply:
    world.need("Read", table)
    row = world.get(table.name, row_id or key["id"])
    if request.headers.get("if-none-match") == reading.etag(row):
        return Reply(304)
    return Reply(200, reading.one(world, request, table, row), {"ETag": reading.etag(row)})


def _patch(world: World, request: Request, table: Table, row_id: str | None, key: Mapping[str, str]) -> Reply:
    """Update, or make the row that is not there (upsert): If-None-Match * only makes, If-Match * only changes."""
    payload = payload_of(request)
    if request.headers.get("if-none-match") == "*" and row_id is not None:
        raise errors.exists_already()
    if row_id is None:
        if request.headers.get("if-match"):
            raise errors.not_there(table.name, key["id"])
        values = {name: value for name, value in key.items() if name != "id"}
        row = writing.create(world, table, {**payload, **values}, values.get(table.key, ""))
        return _written(world, request, table, row, made=True)
    _same_version(request, world.get(table.name, row_id))
    return _written(world, request, table, writing.update(world, table, row_id, payload), made=False)


def _delete(world: World, request: Request, table: Table, row_id: str | None, key: Mapping[str, str]) -> Reply:
    world.need("Delete", table)
    row = world.get(table.name, row_id or key["id"])
    _same_version(request, row)
    world.remove(table.name, row[table.key])
    return Reply(204)


def _same_version(request: Request, row: Row) -> None:
    wanted = request.headers.get("if-match", "*")
    if wanted not in {"*", reading.etag(row)}:
        raise errors.version_moved()


def _written(world: World, request: Request, table: Table, row: Row, *, made: bool) -> Reply:
    place = f"{request.base}{reading.API}/{table.set_name}({row[table.key]})"
    if preferences(request).get("return") == "representation":
        headers = {"Preference-Applied": "return=representation", "ETag": reading.etag(row)}
        content = reading.one(world, request, table, row)
        return Reply(
            201 if made else 200, content, {**headers, **({"Location": place, "OData-EntityId": place} if made else {})}
        )
    return Reply(204, None, {"OData-EntityId": place})
