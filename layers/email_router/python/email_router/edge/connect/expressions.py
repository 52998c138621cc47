"""Write DynamoDB's expressions with as little ceremony as it allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from email_router.edge.connect.values import Item, Value, pack

_NAME = re.compile(r"#(\w+)")


def clauses(values: Mapping[str, Value] | None, names: Mapping[str, str] | None = None, **expressions: str) -> Item:
    """Return request parameters: the expressions that are not empty, what each #name in them stands for (the name itself unless
    `names` says otherwise) and their values.
    """
    given = {clause: text for clause, text in expressions.items() if text}
    found: Item = dict(given)
    if mentioned := {**_mentioned(*given.values()), **(names or {})}:
        found["ExpressionAttributeNames"] = mentioned
    if values:
        found["ExpressionAttributeValues"] = {name: pack(value) for name, value in values.items()}
    return found


def assignment(fields: Mapping[str, Value]) -> tuple[str, dict[str, Value]]:
    """Return the update expression that sets these fields, and its values; a field that is None is removed."""
    setting = ", ".join(f"#{name} = :{name}" for name, value in fields.items() if value is not None)
    removing = ", ".join(f"#{name}" for name, value in fields.items() if value is None)
    parts = [f"SET {setting}" if setting else "", f"REMOVE {removing}" if removing else ""]
    return " ".join(filter(None, parts)), {f":{name}": value for name, value in fields.items() if value is not None}


@lru_cache(maxsize=256)
def _mentioned(*expressions: str) -> Mapping[str, str]:
    return {"#" + name: name for expression in expressions for name in _NAME.findall(expression)}
