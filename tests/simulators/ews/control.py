"""Steer the simulator from outside: paths under /_control, no login needed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tests.simulators.ews.world import Box, World

Json = dict[str, Any]


def control(world: World, name: str, wanted: Json, asked: Mapping[str, str]) -> Any:
    """Answer one control call: `wanted` is its body, `asked` its query; one of an unknown name does nothing."""
    call = CALLS.get(name)
    with world.lock:
        return call(world, wanted, asked) if call else {}


def _put(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    raw = base64.b64decode(wanted["raw"])
    return {"id": world.put(wanted["mailbox"], raw, wanted["folder"], wanted["received"]).id}


def _messages(world: World, wanted: Json, asked: Mapping[str, str]) -> list[Json]:
    box = world.boxes.get(asked["mailbox"].lower(), Box(""))
    return [
        {
            "id": item.id,
            "folder": folder.known or folder.name,
            "is_read": item.is_read,
            "is_draft": item.is_draft,
            "properties": item.properties,
            "raw": base64.b64encode(item.raw).decode(),
        }
        for folder in box.folders
        for item in folder.items
    ]


def _move(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    box = world.box(wanted["mailbox"], make=True)
    return {"id": box.move(wanted["id"], box.folder(wanted["folder"])).id}


def _age(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    for folder in world.box(wanted["mailbox"]).folders:
        for item in folder.items:
            item.created -= timedelta(seconds=wanted["seconds"])
    return {}


def _mailbox(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    box = world.box(wanted["address"], make=True)
    box.state = wanted.get("state", "")
    box.outlook_rules = wanted.get("outlook_rules", box.outlook_rules)
    return {}


def _outside(world: World, wanted: Json, asked: Mapping[str, str]) -> list[Json]:
    return [{"to": to, "raw": base64.b64encode(raw).decode()} for to, raw in world.outside]


def _settings(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    world.schema = wanted.get("schema", world.schema)
    world.unique_priorities = wanted.get("unique_priorities", world.unique_priorities)
    world.epoch += int(bool(wanted.get("expire_sync")))
    world.tokens = set(wanted.get("tokens", world.tokens))
    return {}


def _fault(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    world.faults.append({"times": 1, **wanted})
    return {}


def _requests(world: World, wanted: Json, asked: Mapping[str, str]) -> list[Json]:
    return world.exchanges


def _witness(world: World, wanted: Json, asked: Mapping[str, str]) -> list[Json]:
    """Return what was said since the last call; the first call wakes the witness."""
    seen, world.witnessed = world.witnessed, []
    return seen or []


def _clear(world: World, wanted: Json, asked: Mapping[str, str]) -> Json:
    world.exchanges.clear()
    world.faults.clear()
    return {}


CALLS: dict[str, Callable[[World, Json, Mapping[str, str]], Any]] = {
    "put": _put,
    "messages": _messages,
    "move": _move,
    "age": _age,
    "mailbox": _mailbox,
    "outside": _outside,
    "settings": _settings,
    "fault": _fault,
    "requests": _requests,
    "witness": _witness,
    "clear": _clear,
}
