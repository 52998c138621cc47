"""Give each user a number and a message counter, from which tracking tokens are made."""

from __future__ import annotations

from contextlib import suppress

from email_router.core.ledger import Counted
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item


def number(table: Table, keys: Keys, user: str) -> int:
    """Return the user's number, allocating the next one at first use; two workers at once may leave a number unused."""
    place = _place(keys, "USERNUMBER", user)
    if found := table.get(place):
        return int(found["number"])
    allocated = int(_added(table, (keys.own, "USERNUMBERS"), 1)["last"])
    try:
        table.put({"pk": place[0], "sk": place[1], "user": user.casefold(), "number": allocated}, ABSENT)
    except ConditionFailed as taken:
        return int(taken.item["number"])
    return allocated


def add(table: Table, keys: Keys, user: str, count: int) -> Counted:
    """Add to the user's counter; return its value before.  A call whose answer was lost leaves numbers unused, never used twice."""
    after = _added(table, _place(keys, "COUNTER", user), count)
    return Counted(int(after["last"]) - count, int(after.get("digits", 0)))


def grow(table: Table, keys: Keys, user: str, digits: int) -> None:
    """Let the user's counter have so many digits, unless it has as many already."""
    fewer = "attribute_not_exists(#digits) OR #digits < :digits"
    with suppress(ConditionFailed):
        table.update(_place(keys, "COUNTER", user), "SET #digits = :digits", {":digits": digits}, condition=fewer)


def _added(table: Table, place: Place, count: int) -> Item:
    return table.update(place, "ADD #last :count", {":count": count}, returns="ALL_NEW")


def _place(keys: Keys, what: str, user: str) -> Place:
    return keys.own, f"{what}#{user.casefold()}"
