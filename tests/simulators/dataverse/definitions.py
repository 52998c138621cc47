"""Answer EntityDefinitions: what clients ask of the metadata to find a table's set, key and choices."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.simulators.dataverse import errors
from tests.simulators.dataverse.reading import API
from tests.simulators.dataverse.tables import Table, tables
from tests.simulators.graph.http import Request

Json = dict[str, Any]

_BY_NAME = re.compile(r"LogicalName eq '(\w+)'")
_ONE = re.compile(
    r"EntityDefinitions\(LogicalName='(\w+)'\)(?:/Attributes/Microsoft\.Dynamics\.CRM\.PicklistAttributeMetadata)?"
)


def answer(request: Request, path: str) -> Json:
    """Answer a request below EntityDefinitions."""
    context = f"{request.base}{API}/$metadata#EntityDefinitions"
    if path == "EntityDefinitions":
        named = _BY_NAME.fullmatch(request.query.get("$filter", ""))
        found = [table for table in tables().values() if named is None or table.name == named[1]]
        return {"@odata.context": context, "value": [_definition(request, table) for table in found]}
    one = _ONE.fullmatch(path)
    table = tables().get(one[1]) if one else None
    if table is None:
        raise errors.unknown_segment(path)
    if path.endswith("PicklistAttributeMetadata"):
        return {"@odata.context": context, "value": _choices(table)}
    return {"@odata.context": context, **_definition(request, table)}


def _definition(request: Request, table: Table) -> Json:
    whole = {
        "LogicalName": table.name,
        "SchemaName": table.name.capitalize(),
        "EntitySetName": table.set_name,
        "PrimaryIdAttribute": table.key,
        "PrimaryNameAttribute": table.primary_name,
        "ObjectTypeCode": table.code,
        "MetadataId": str(uuid.uuid5(uuid.NAMESPACE_OID, table.name)),
    }
    asked = [part.strip() for part in request.query.get("$select", "").split(",") if part.strip()]
    return {name: whole[name] for name in (*asked, "MetadataId") if name in whole} if asked else whole


def _choices(table: Table) -> list[Json]:
    columns = (column for column in table.columns.values() if column.kind == "choice")
    picklists = (column for column in columns if column.name not in {"statecode", "statuscode"})
    return [{"LogicalName": column.name, "OptionSet": {"Options": _options(column.options)}} for column in picklists]


def _options(options: Any) -> list[Json]:
    return [
        {"Value": value, "Label": {"LocalizedLabels": [{"Label": label, "LanguageCode": 1033}]}}
        for value, label in options.items()
    ]
