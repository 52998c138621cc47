"""Write to e-mails of the built-in CRM where they stand, one by itself or many in a transaction, each on its own condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from email_router.core.activity import EmailStatus
from email_router.core.grouping import groups
from email_router.core.write_back import REPLACED, WriteBack
from email_router.edge.connect import transactions
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item
from email_router.edge.crm import builtin_rows


def cancel(table: Table, keys: Keys, activity: str) -> bool:
    """Cancel an e-mail that waits to be sent; False when it does not wait any more."""
    expression, values = assignment({"status": EmailStatus.CANCELLED.value, "ppk": None, "psk": None})
    condition, seen = _stands(builtin_rows.WAITING)
    return _change(table, keys, activity, expression, values | seen, condition)


def postpone(table: Table, keys: Keys, activities: Sequence[str], until: datetime) -> None:
    """Keep these e-mails from being collected before then; those that wait no more are passed over."""
    for group in groups(dict.fromkeys(activities), transactions.MOST_ACTIONS):
        actions = []
        for activity in group:
            expression, values = assignment(builtin_rows.waiting_fields(keys, activity, until))
            place = builtin_rows.place_of(keys, activity)
            actions.append(transactions.update(table.name, place, expression, values, "attribute_exists(#ppk)"))
        transactions.write_what_holds(table.client, actions)


def write(table: Table, keys: Keys, told: WriteBack) -> bool:
    """Write where one e-mail stands; False when it is cancelled or gone."""
    expression, values = _changed(keys, told)
    condition = "attribute_exists(#pk) AND #status <> :cancelled"
    cancelled = {":cancelled": EmailStatus.CANCELLED.value}
    return _change(table, keys, told.activity, expression, values | cancelled, condition)


def write_all(table: Table, keys: Keys, told: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
    """Write where these e-mails stand, of one told of twice the last; return those that stand otherwise, and how (None: gone)."""
    others: dict[str, EmailStatus | None] = {}
    latest = {one.activity: one for one in told}
    for group in groups(latest.values(), transactions.MOST_ACTIONS):
        actions = []
        for one in group:
            expression, values = _changed(keys, one)
            condition, seen = _stands(sorted(REPLACED[one.status]))
            place = builtin_rows.place_of(keys, one.activity)
            actions.append(transactions.update(table.name, place, expression, values | seen, condition))
        for number, item in transactions.write_what_holds(table.client, actions).items():
            activity = group[number].activity
            stands = item or table.get(builtin_rows.place_of(keys, activity)) or {}
            others[activity] = EmailStatus(stands["status"]) if "status" in stands else None
    return others


def _changed(keys: Keys, told: WriteBack) -> tuple[str, Item]:
    collected = told.status in builtin_rows.COLLECTED
    waits = builtin_rows.waiting_fields(keys, told.activity, told.due) if collected else {"ppk": None, "psk": None}
    expression, values = assignment({**waits, **builtin_rows.change_fields(told), "status": told.status.value})
    if collected and told.due is None:
        expression = expression.replace("#psk = :psk", "#psk = if_not_exists(#psk, :psk)")
    return expression, values


def _stands(statuses: Sequence[EmailStatus]) -> tuple[str, Item]:
    """Return condition and values by which an e-mail has one of these statuses."""
    seen: Item = {f":stands{number}": one.value for number, one in enumerate(statuses)}
    return f"#status IN ({', '.join(seen)})", seen


def _change(table: Table, keys: Keys, activity: str, expression: str, values: Item, condition: str) -> bool:
    try:
        table.update(builtin_rows.place_of(keys, activity), expression, values, condition=condition)
    except ConditionFailed:
        return False
    return True
