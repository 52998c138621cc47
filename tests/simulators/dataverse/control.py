"""Steer the simulator from outside: paths under /_control, no token needed."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulators.controls import COMMON, register
from tests.simulators.dataverse import errors, writing
from tests.simulators.dataverse.service import Service
from tests.simulators.dataverse.tables import tables
from tests.simulators.dataverse.world import Reference, Row, World
from tests.simulators.graph.http import Json, Reply, Request


def control(service: Service, request: Request) -> Reply:
    """Answer one control call."""
    name = f"{request.method} {request.path.removeprefix('/_control/')}"
    call = CALLS.get(name)
    if call is None:
        return errors.unknown_segment(name).reply
    with service.world.lock:
        try:
            answer = call(service, request)
            service.webhooks.settle(service.world)
            return Reply(200, answer)
        except errors.DataverseFailure as failure:
            return failure.reply


def put(world: World, name: str, values: Json) -> Row:
    """Write a row as an administrator would: read-only columns too; lookups as {"table", "id"}; the columns must be the table's."""
    table = tables()[name]
    row: Row = {}
    for key, value in values.items():
        if key not in table.columns:
            raise errors.undeclared(name, key)
        row[key] = Reference(value["table"], value["id"]) if isinstance(value, dict) else value
    if row.get(table.key) in world.rows[name]:
        return world.put(name, row)
    writable = {
        key: value for key, value in row.items() if table.columns[key].writable and table.columns[key].kind != "lookup"
    }
    state: Row = {key: writable.pop(key) for key in ("statecode", "statuscode") if key in writable}
    made = writing.create(world, table, writable)
    return world.put(name, {**made, **row, **state, table.key: made[table.key]})


def seed(world: World, wanted: Json) -> None:
    """Fill the world: rows by table, in order."""
    for name, rows in wanted.items():
        for row in rows:
            put(world, name, row)


def _plain(row: Row) -> Json:
    return {
        name: {"table": value.table, "id": value.id} if isinstance(value, Reference) else value
        for name, value in row.items()
    }


def _put(service: Service, request: Request) -> Json:
    wanted = request.json()
    return _plain(put(service.world, wanted["table"], wanted["row"]))


def _rows(service: Service, request: Request) -> Json:
    return {"rows": [_plain(row) for row in service.world.rows[request.query["table"]].values()]}


def _reset(service: Service, request: Request) -> Json:
    service.world.reset()
    service.faults.clear()
    service.exchanges.clear()
    return {}


def _settings(service: Service, request: Request) -> Json:
    world, wanted = service.world, request.json()
    world.member = wanted.get("member", world.member)
    world.denied = set(wanted.get("denied", world.denied))
    world.depths = dict(wanted.get("depths", world.depths))
    world.login.token_seconds = wanted.get("token_seconds", world.login.token_seconds)
    if "alternate_keys" in wanted:
        world.alternate_keys = {(table, column) for table, column in wanted["alternate_keys"]}
    if wanted.get("revoke_tokens"):
        world.login.tokens.clear()
    for name in ("requests", "seconds", "at_once", "window"):
        if name in wanted:
            setattr(world.limits, name, wanted[name])
    if wanted.get("clear_limits"):
        world.limits.clear()
    world.limits.spend(int(wanted.get("spend_requests", 0)), float(wanted.get("spend_seconds", 0)))
    return {"most_at_once": world.limits.most_at_once}


def _register(service: Service, request: Request) -> Json:
    register(service.world.login, request.json())
    return {}


def _violations(service: Service, request: Request) -> Json:
    found = list(service.world.violations)
    service.world.violations.clear()
    return {"violations": found}


def _webhooks(service: Service, request: Request) -> Json:
    """Set how webhooks are posted; tell what was."""
    for name, value in request.json().items():
        if name not in {"ca_pem", "lose", "duplicate", "oversize", "delay"}:
            raise errors.unknown_segment(name)
        setattr(service.webhooks, name, value)
    return {"posted": [vars(one) for one in service.webhooks.posted]}


CALLS: dict[str, Callable[[Service, Request], Json]] = {
    **COMMON,
    "POST rows": _put,
    "GET rows": _rows,
    "POST reset": _reset,
    "POST settings": _settings,
    "POST applications": _register,
    "GET violations": _violations,
    "POST webhooks": _webhooks,
}
