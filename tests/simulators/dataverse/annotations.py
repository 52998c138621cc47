"""Read what a client prefers, and annotate the values of a row as it wants them."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from tests.simulators.dataverse.columns import Column
from tests.simulators.dataverse.tables import Table, tables
from tests.simulators.dataverse.world import World
from tests.simulators.graph.http import Request

Json = dict[str, Any]

_PREFERENCE = re.compile(r'([\w.-]+)(?:\s*=\s*(?:"([^"]*)"|([^,;\s]*)))?')
_FORMATTED = "OData.Community.Display.V1.FormattedValue"
_LOOKUP = "Microsoft.Dynamics.CRM.lookuplogicalname"
_NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"


def preferences(request: Request) -> dict[str, str]:
    """Return the Prefer header's preferences (RFC 7240): name to value, which may be quoted and hold commas."""
    found = _PREFERENCE.findall(request.headers.get("prefer", ""))
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def annotated(world: World, request: Request, table: Table, column: Column, value: Any) -> Json:
    """Return the annotations of one value: formatted, and of a lookup the table it leads to and the way there."""
    asked = re.split(r"[,;\s]+", preferences(request).get("odata.include-annotations", ""))
    found: Json = {}
    if value is None or not any(asked):
        return found
    if column.kind == "lookup":
        target = tables().get(value.table)
        record = world.rows.get(value.table, {}).get(value.id, {})
        ways = [name for name, ways in table.single.items() if (column.name, value.table) in ways]
        found[_LOOKUP] = value.table
        found[_NAVIGATION] = ways[0] if ways else column.name
        found[_FORMATTED] = (record.get(target.primary_name) if target else "") or ""
    elif column.options and value in column.options:
        found[_FORMATTED] = column.options[value]
    elif column.kind == "boolean":
        found[_FORMATTED] = "Yes" if value else "No"
    return {
        f"{column.property_name}@{name}": text
        for name, text in found.items()
        if any(fnmatch.fnmatch(name, one) for one in asked)
    }
