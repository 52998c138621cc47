"""Hold events to the schemas that are published."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.shared import PROJECT

SCHEMAS = PROJECT / "docs" / "schemas"


@cache
def schema(detail_type: str) -> dict[str, Any]:
    """Return the schema of a detail type, itself held to JSON Schema."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{detail_type}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(found)
    return found


def check(detail_type: str, detail: Any) -> None:
    """Raise ValidationError where the detail does not fit."""
    Draft202012Validator(schema(detail_type)).validate(detail)
