"""Read a table's columns from Microsoft's Common Data Model (../shared/contracts/dataverse-cdm)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from tests.shared import SHARED
from tests.simulators.dataverse.columns import Column

FOLDER = SHARED / "contracts" / "dataverse-cdm"

_KINDS = {
    "boolean": "boolean",
    "integer": "integer",
    "timezone": "integer",
    "bigInteger": "bigint",
    "dateTime": "instant",
    "guid": "guid",
    "entityId": "guid",
    "listLookup": "choice",
    "listLookupCorrelated": "choice",
    "decimal": "decimal",
    "double": "decimal",
    "currency": "decimal",
    "baseCurrency": "decimal",
    "latitude": "decimal",
    "longitude": "decimal",
}
_TABLES = {"User": "systemuser", "Case": "incident", "Currency": "transactioncurrency"}
_UNNAMED = {
    "regardingObject": "regardingobjectid",
    "party": "partyid",
    "activity": "activityid",
    "parentCustomer": "parentcustomerid",
    "relatedObject": "relatedobjectid",
}
"""Lookups whose column the file leaves to the table it extends."""


@lru_cache(maxsize=64)
def columns_of(file: str) -> dict[str, Column]:
    """Return the columns that one file defines, by logical name."""
    definition = json.loads((FOLDER / f"{file}.cdm.json").read_text())["definitions"][0]
    found = (_column(one) for one in _members(definition))
    return {column.name: column for column in found if column is not None}


@lru_cache(maxsize=64)
def groups_of(file: str) -> tuple[str, ...]:
    """Return the groups of columns that the file names and does not define."""
    definition = json.loads((FOLDER / f"{file}.cdm.json").read_text())["definitions"][0]
    return tuple(one for one in _all(definition) if isinstance(one, str))


def _all(definition: dict[str, Any]) -> Iterator[Any]:
    for one in definition["hasAttributes"]:
        group = one.get("attributeGroupReference") if isinstance(one, dict) else None
        if isinstance(group, dict):
            yield from (_named(member) for member in group["members"])
        else:
            yield group or one


def _named(member: Any) -> Any:
    if isinstance(member, dict) and isinstance(member.get("attributeGroupReference"), str):
        return member["attributeGroupReference"]
    return member


def _members(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (one for one in _all(definition) if isinstance(one, dict))


def _column(one: dict[str, Any]) -> Column | None:
    if "entity" in one:
        return _lookup(one)
    kind = one["dataType"]
    reference = kind if isinstance(kind, str) else kind["dataTypeReference"]
    if reference == "partylist":
        return None  # read as email_activity_parties only
    rows = [] if isinstance(kind, str) else _constants(kind)
    options = {int(row[2]): row[1] for row in rows if row[0] == "en"}
    correlated = reference == "listLookupCorrelated"
    return Column(
        name=one["sourceName"].lower(),
        kind=_KINDS.get(reference, "string"),
        longest=int(one["maximumLength"]) if "maximumLength" in one else None,
        low=_number(one.get("minimumValue")),
        high=_number(one.get("maximumValue")),
        options=options,
        states={int(row[2]): int(row[4]) for row in rows if correlated and row[0] == "en"},
        required=_level(one) == "systemrequired",
    )


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _constants(kind: dict[str, Any]) -> list[list[str]]:
    """Return the rows of a choice: language, label, value, order, and the state it goes with."""
    for trait in kind.get("appliedTraits", []):
        if isinstance(trait, dict) and trait["traitReference"] == "does.haveDefault":
            rows: list[list[str]] = trait["arguments"][0]["entityReference"]["constantValues"]
            return rows
    return []


def _level(one: dict[str, Any]) -> str:
    for trait in one.get("appliedTraits", []):
        if isinstance(trait, dict) and trait["traitReference"] == "is.requiredAtLevel":
            return str(trait["arguments"][0]["value"])
    return "none"


def _lookup(one: dict[str, Any]) -> Column | None:
    guidance = one.get("resolutionGuidance") or {}
    key = guidance.get("entityByReference", {}).get("foreignKeyAttribute", {}) if isinstance(guidance, dict) else {}
    name = key.get("sourceName") or _UNNAMED.get(one["name"])
    if name is None or one["name"] == "address":
        return None
    return Column(name=name.lower(), kind="lookup", targets=tuple(_targets(one["entity"])), required=False)


def _targets(entity: Any) -> Iterator[str]:
    reference = entity["entityReference"] if isinstance(entity, dict) else entity
    if isinstance(reference, str):
        yield _TABLES.get(reference, reference.lower())
        return
    for option in reference.get("hasAttributes", []):
        yield from _targets(option["entity"])
