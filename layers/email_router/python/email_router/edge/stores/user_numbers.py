"""Give each user a number and a message counter, from which tracking tokens are made."""

from __future__ import annotations

from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.connect.transactions import Place


def number(table: Table, keys: Keys, user: str) -> int:
    """Return the user's number, allocating the next one at first use; two workers at once may leave a number unused."""
    place = _place(keys, "USERNUMBER", user)
    if found := table.get(place):
        return int(found["number"])
    allocated = _add(table, (keys.own, "USERNUMBERS"), 1)
    try:
        table.put({"pk": place[0], "sk": place[1], "user": user.casefold(), "number": allocated}, ABSENT)
    except ConditionFailed as taken:
        return int(taken.item["number"])
    return allocated


def add(table: Table, keys: Keys, user: str, count: int) -> int:
    """Add to the user's counter; return its value before.  A call whose answer was lost leaves numbers unused, never used twice."""
    return _add(table, _place(keys, "COUNTER", user), count) - count


def _add(table: Table, place: Place, count: int) -> int:
    after = table.update(place, "ADD #last :count", {":count": count}, returns="UPDATED_NEW")
    return int(after["last"])


def _place(keys: Keys, what: str, user: str) -> Place:
    return keys.own, f"{what}#{user.casefold()}"
