"""Read the template as it is deployed where no parameter is given: each condition decided, each choice made."""

from __future__ import annotations

from typing import Any

from tests.infra.template import template


def as_default(value: Any) -> Any:
    """Return the value with every choice made as the parameters' defaults make it."""
    if isinstance(value, list):
        return [as_default(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return as_default(then if holds({"Condition": condition}) else otherwise)
    return {name: as_default(one) for name, one in value.items()}


def holds(condition: dict[str, Any]) -> bool:
    """Tell whether a condition holds where no parameter is given."""
    ((kind, told),) = condition.items()
    if kind == "Condition":
        return holds(template()["Conditions"][told])
    if kind == "Fn::Equals":
        one, other = map(_plain, told)
        return bool(one == other)
    found = [holds(one) for one in told]
    return {"Fn::Not": not found[0], "Fn::And": all(found), "Fn::Or": any(found)}[kind]


def _plain(value: Any) -> Any:
    """Return a text, or the default of the parameter that a reference names."""
    if isinstance(value, dict) and "Ref" in value:
        return template()["Parameters"][value["Ref"]].get("Default", "")
    return value
