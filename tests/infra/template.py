"""Read the committed template: its resources by type, and its references as plain text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra_cdk" / "template.json"


@cache
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return loaded


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type, by logical id."""
    found = {name: resource for name, resource in template()["Resources"].items() if resource["Type"] == kind}
    return {name: resource.get("Properties", {}) for name, resource in found.items()}


@cache
def named_tables() -> frozenset[str]:
    """The conditions under which an operator has named a table."""
    conditions: dict[str, Any] = template()["Conditions"]
    wanted = [{"Fn::Not": [{"Fn::Equals": [{"Ref": f"Existing{which}Table"}, ""]}]} for which in ("Router", "Crm")]
    return frozenset(name for name, condition in conditions.items() if condition in wanted)


def text_of(value: Any) -> str:
    """A value with its references as ${LogicalId} or ${LogicalId.Attribute}; of a table that may be named in the place of the stack's own
    it is the stack's own (test_tables_in_use.py looks at the other).
    """
    if isinstance(value, str):
        return value
    (function, argument), *others = value.items()
    assert not others
    if function == "Ref":
        return f"${{{argument}}}"
    if function == "Fn::GetAtt":
        return f"${{{'.'.join(argument)}}}"
    if function == "Fn::Sub":
        return str(argument)
    if function == "Fn::If":
        condition, then, otherwise = argument
        if condition in named_tables():
            return text_of(otherwise)
        return f"{condition} ? {text_of(then)} : {text_of(otherwise)}"
    if function == "Fn::Join":
        separator, parts = argument
        return str(separator).join(text_of(part) for part in parts)
    raise AssertionError(f"{function} is not known here")


def functions() -> dict[str, dict[str, Any]]:
    """The functions' properties by the names of their folders."""
    return {folder_of(properties): properties for properties in resources("AWS::Lambda::Function").values()}


def folder_of(properties: dict[str, Any]) -> str:
    key: str = properties["Code"]["S3Key"]
    return key.removeprefix("fn-").removesuffix(".zip").replace("-", "_")


def logical_id(function: str) -> str:
    found = resources("AWS::Lambda::Function")
    return next(name for name, properties in found.items() if folder_of(properties) == function)


def statements(function: str) -> Iterator[dict[str, Any]]:
    """The statements of a function's role, from wherever they hang on it."""
    role = functions()[function]["Role"]["Fn::GetAtt"][0]
    for policy in resources("AWS::IAM::Role")[role].get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        for policy in resources(kind).values():
            if {"Ref": role} in policy.get("Roles", [policy.get("RoleName")]):
                yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    """One or several values as a list, without those that are there for a named table alone."""
    return [one for one in (value if isinstance(value, list) else [value]) if not _of_a_named_table(one)]


def _of_a_named_table(value: Any) -> bool:
    condition, _, otherwise = value.get("Fn::If", ("", "", "")) if isinstance(value, dict) else ("", "", "")
    return condition in named_tables() and otherwise == {"Ref": "AWS::NoValue"}


def may(function: str) -> dict[str, set[str]]:
    """Each action that a function is allowed, and the resources that it may do it on."""
    allowed: dict[str, set[str]] = {}
    for statement in statements(function):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        for action in listed(statement["Action"]):
            allowed.setdefault(action, set()).update(text_of(resource) for resource in listed(statement["Resource"]))
    return allowed


def environment(function: str) -> dict[str, str]:
    variables = functions()[function]["Environment"]["Variables"]
    return {name: text_of(value) for name, value in variables.items()}
