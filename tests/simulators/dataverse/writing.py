"""Write rows: what a payload says is held to the table's columns, then the table's own behaviour follows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.simulators.dataverse import emails, errors
from tests.simulators.dataverse.columns import EDM, Column
from tests.simulators.dataverse.tables import Table, by_set, tables
from tests.simulators.dataverse.world import USER, Reference, Row, World, new_id

Json = dict[str, Any]

_BIND = "@odata.bind"
_PLACE = re.compile(r"(?:https://[^/]+)?(?:/api/data/v9\.\d)?/?(\w+)\(([0-9a-fA-F-]{36})\)")
_SELF = Reference("systemuser", USER)
_FULL_NAMES = {"contact", "lead", "systemuser"}


def create(world: World, table: Table, payload: Mapping[str, Any], key: str = "") -> Row:
    """Make a row, with an id of the client's choice where it gives one, and its children (deep insert)."""
    world.need("Create", table)
    values, children = _read(world, table, payload)
    if values.get("ownerid", _SELF) != _SELF:
        world.need("Assign", table)
    key = (key or values.get(table.key) or new_id()).lower()
    if key in world.rows[table.name]:
        raise errors.exists_already()
    for column in table.columns.values():
        if column.required and values.get(column.name) is None:
            raise errors.missing(table.name, column.name)
    values[table.key] = key
    row = {**_defaults(table), **values}
    _settle_state(table, key, {"statecode": 0}, row, made=True)
    emails.before_write(world, table, {}, row)
    world.put(table.name, _named(table, row))
    _write_children(world, table, key, children)
    emails.after_write(world, table, key)
    return world.rows[table.name][key]


def update(world: World, table: Table, key: str, payload: Mapping[str, Any]) -> Row:
    """Change a row; parties that are given replace those that are there."""
    world.need("Write", table)
    old = world.get(table.name, key)
    values, children = _read(world, table, payload)
    values.pop(table.key, None)
    changed = {**old, **values}
    _settle_state(table, key, old, changed, made=False, touched=values.keys())
    emails.before_write(world, table, old, changed, touched={*values, *children})
    world.put(table.name, _named(table, changed))
    for name in children:
        child, column = table.many[name]
        for row in world.children(child, column, key):
            world.remove(child, row[tables()[child].key])
    _write_children(world, table, key, children)
    emails.after_write(world, table, key)
    return world.rows[table.name][key]


def _read(world: World, table: Table, payload: Mapping[str, Any]) -> tuple[Row, dict[str, list[Json]]]:
    """Split a payload into column values and children; every value is judged by its column."""
    values: Row = {}
    children: dict[str, list[Json]] = {}
    for name, value in payload.items():
        if name.endswith(_BIND):
            _keep(world, table, *_bound(world, table, name.removesuffix(_BIND), value), values)
        elif name.startswith("@") or "@" in name:
            continue  # annotations: @odata.type, @odata.etag, formatted values
        elif name in table.many:
            children[name] = value if isinstance(value, list) else [value]
        else:
            column = table.columns.get(name)
            if column is None or column.kind == "lookup":
                raise errors.undeclared(table.name, name)
            _keep(world, table, column, _judged(table, column, value), values)
    return values, children


def _keep(world: World, table: Table, column: Column, value: Any, values: Row) -> None:
    """Take a value; of a column that no client writes it is ignored, as Dataverse does, and held against the client."""
    if column.writable:
        values[column.name] = value
    else:
        world.violations.append(f"{table.name}.{column.name} was written, and is read-only")


def _judged(table: Table, column: Column, value: Any) -> Any:
    if not column.has_type(value):
        raise errors.wrong_type(table.name, column.name, EDM[column.kind])
    if column.is_too_long(value):
        raise errors.too_long(table.name, column.name, column.longest)
    if not column.is_in_range(value):
        raise errors.out_of_range(table.name, column.name)
    return value.lower() if column.kind == "guid" and value else value


def _bound(world: World, table: Table, navigation: str, value: Any) -> tuple[Column, Reference | None]:
    """Return the lookup that name@odata.bind means, and the row it shall lead to (null: none)."""
    ways = table.single.get(navigation)
    if ways is None:
        raise errors.undeclared(table.name, navigation)
    if value is None:
        return table.columns[ways[0][0]], None
    found = _PLACE.fullmatch(value) if isinstance(value, str) else None
    target = by_set(found[1]) if found else None
    way = next((way for way in ways if target and way[1] == target.name), None)
    if found is None or target is None or way is None:
        raise errors.invalid(f"The value of '{navigation}{_BIND}' leads to no row that '{navigation}' takes.")
    world.get(target.name, found[2].lower())
    world.need("AppendTo", target)
    world.need("Append", table)
    return table.columns[way[0]], Reference(target.name, found[2].lower())


def _defaults(table: Table) -> Row:
    row: Row = {name: False if column.kind == "boolean" else None for name, column in table.columns.items()}
    if "ownerid" in table.columns and table.columns["ownerid"].writable:
        row["ownerid"] = Reference("systemuser", USER)
    for name in ("statecode", "statuscode", "prioritycode", "deliveryprioritycode"):
        if name in table.columns:
            row[name] = 1 if name != "statecode" else 0
    return row | emails.defaults(table)


def _settle_state(table: Table, key: str, old: Row, row: Row, *, made: bool, touched: Any = ()) -> None:
    """Hold statecode and statuscode to the pairs that the table knows."""
    column = table.columns.get("statuscode")
    if column is None or "statecode" not in table.columns:
        return
    if made and row["statecode"] != 0:
        raise errors.invalid(f"A new {table.name} is made in its first state; its state is changed afterwards.")
    if "statecode" in touched and "statuscode" not in touched and row["statecode"] != old.get("statecode"):
        row["statuscode"] = next(status for status, state in column.states.items() if state == row["statecode"])
    if column.states and column.states.get(row["statuscode"]) != row["statecode"]:
        state = table.columns["statecode"].options.get(row["statecode"], str(row["statecode"]))
        raise errors.bad_status(table.name, key, row["statuscode"], state)


def _named(table: Table, row: Row) -> Row:
    """Return the row with its full name, which Dataverse makes of the first and the last."""
    if table.name in _FULL_NAMES:
        words = [row.get("firstname"), row.get("lastname")]
        return {**row, "fullname": " ".join(word for word in words if word) or row.get("fullname")}
    return row


def _write_children(world: World, table: Table, key: str, children: Mapping[str, list[Json]]) -> None:
    for name, rows in children.items():
        child, column = table.many[name]
        for payload in rows:
            _write_child(world, tables()[child], payload, column, Reference(table.name, key))


def _write_child(world: World, table: Table, payload: Json, column: str, parent: Reference) -> None:
    values, _ = _read(world, table, payload)
    row = {**_defaults(table), **values, table.key: values.get(table.key) or new_id(), column: parent}
    if table.name == "activitymimeattachment":
        row["objecttypecode"] = "email"
    for one in table.columns.values():
        if one.required and row.get(one.name) is None:
            raise errors.missing(table.name, one.name)
    emails.before_write(world, table, {}, row)
    world.put(table.name, row)
