"""List the messages of a folder as Graph does without change tracking (learn.microsoft.com/graph/api/user-list-messages)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tests.simulators.graph.http import GraphFailure, Reply, Request, Route
from tests.simulators.graph.rendering import expanded, selected, show_message
from tests.simulators.graph.world import Item, World

_CONDITION = re.compile(r"receivedDateTime\s+(ge|gt|lt|le)\s+(\S+)", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_ORDERS = {"receivedDateTime": False, "receivedDateTime asc": False, "receivedDateTime desc": True}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "lt": operator.lt,
    "le": operator.le,
}
_DEFAULT_PAGE = 10
_LARGEST_PAGE = 1000


def list_messages(world: World, request: Request, user: str, folder_name: str) -> Reply:
    """Answer one page.  Its nextLink goes on by $skip: what was removed meanwhile moves others out of sight, as in Exchange."""
    mailbox = world.mailbox(user)
    folder = mailbox.folder(folder_name)
    descending = _order(request)
    conditions = _conditions(request.query.get("$filter", "").strip())
    found = [item for item in mailbox.items if item.folder == folder.id and _fits(item, conditions)]
    found.sort(key=lambda item: (item.received, item.arrived), reverse=descending)
    skip, top = _number(request, "$skip", 0), _number(request, "$top", _DEFAULT_PAGE)
    if not 1 <= top <= _LARGEST_PAGE:
        raise GraphFailure(400, "ErrorInvalidUrlQuery", f"The value '{top}' of $top is not between 1 and 1000.")
    rows = [
        show_message(item, immutable=request.immutable, select=selected(request), extended=expanded(request))
        for item in found[skip : skip + top]
    ]
    content = {"@odata.context": f"{request.base}/v1.0/$metadata#users/mailFolders/messages", "value": rows}
    if skip + top < len(found):
        options = urlencode({**request.query, "$skip": str(skip + top)}, safe="$")
        base = "https://graph.invalid" if "foreign_link" in world.quirks else request.base
        content["@odata.nextLink"] = f"{base}{request.path}?{options}"
    return Reply(200, content)


def _order(request: Request) -> bool:
    order = request.query.get("$orderby", "receivedDateTime desc")
    if order not in _ORDERS:
        raise GraphFailure(400, "ErrorInvalidUrlQuery", f"The query $orderby={order} is not supported.")
    return _ORDERS[order]


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, str(otherwise))
    if not text.isdecimal():
        raise GraphFailure(400, "BadRequest", f"Invalid value '{text}' for {name}.")
    return int(text)


def _conditions(text: str) -> list[tuple[str, datetime]]:
    conditions = []
    for one in _AND.split(text) if text else ():
        found = _CONDITION.fullmatch(one.strip())
        if found is None:
            raise GraphFailure(
                400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes."
            )
        try:
            conditions.append((found[1].lower(), datetime.fromisoformat(found[2])))
        except ValueError as broken:
            raise GraphFailure(400, "BadRequest", f"Invalid filter clause: '{found[2]}'.") from broken
    return conditions


def _fits(item: Item, conditions: list[tuple[str, datetime]]) -> bool:
    return all(_COMPARED[name](item.received, edge) for name, edge in conditions)


ROUTES = [Route("GET", "/v1.0/users/{}/mailFolders/{}/messages", list_messages)]
