"""Microsoft's description of Graph's mail as validators: for each kind of request its body's and its answer's shape."""

from __future__ import annotations

import copy
import json
from urllib.parse import unquote

from jsonschema import Draft202012Validator

from tests.shared import shared_path
from tests.simulators.graph.http import Json, plain_path

SCHEMA: Json = json.loads(shared_path("contracts", "graph-csdl", "mail.schema.json").read_text())


def schema_of(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/microsoft.graph.{kind}", **_fitting(SCHEMA)})


def _forms(word: str) -> set[str]:
    return {word, word.lower(), word.upper(), word.capitalize()}


def _fitting(schema: Json) -> Json:
    """Compare enumerations without case: Graph itself writes "HTML" and "html"."""
    schema = copy.deepcopy(schema)
    for definition in schema["$defs"].values():
        if "enum" in definition:
            definition["enum"] = sorted(
                {form for word in definition["enum"] for form in (word, word.lower(), word.upper(), word.capitalize())}
            )
    message = schema["$defs"]["microsoft.graph.message"]
    message["additionalProperties"] = False  # derived types add properties of theirs; messages proper have none
    message["properties"]["singleValueExtendedProperties"] = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id", "value"],
            "properties": {"id": {"type": "string"}, "value": {"type": "string"}},
            "additionalProperties": False,
        },
    }
    return schema


def collection(kind: str, links: tuple[str, ...] = ()) -> Draft202012Validator:
    row = {"$ref": f"#/$defs/microsoft.graph.{kind}"}
    properties: Json = {"value": {"type": "array", "items": row}, "@odata.context": {"type": "string"}}
    properties |= {link: {"type": "string", "format": "uri"} for link in links}
    shape: Json = {"type": "object", "required": ["value"], "properties": properties, "additionalProperties": False}
    return Draft202012Validator({**shape, **_fitting(SCHEMA)})


ERROR = Draft202012Validator(
    {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "innerError": {"type": "object"},
                },
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }
)
BATCH_ASKED = Draft202012Validator(
    {
        "type": "object",
        "required": ["requests"],
        "properties": {
            "requests": {
                "type": "array",
                "minItems": 1,
                "maxItems": 20,
                "items": {
                    "type": "object",
                    "required": ["id", "method", "url"],
                    "properties": {
                        "id": {"type": "string"},
                        "method": {"enum": ["GET", "POST", "PATCH", "DELETE", "PUT"]},
                        "url": {"type": "string", "pattern": "^/"},
                        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                        "body": {"type": "object"},
                        "dependsOn": {"type": "array", "items": {"type": "string"}},
                    },
                    "dependentRequired": {"body": ["headers"]},
                    "additionalProperties": False,
                },
            }
        },
        "additionalProperties": False,
    }
)
BATCH_ANSWERED = Draft202012Validator(
    {
        "type": "object",
        "required": ["responses"],
        "properties": {
            "responses": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "status"],
                    "properties": {"id": {"type": "string"}, "status": {"type": "integer"}},
                },
            }
        },
        "additionalProperties": False,
    }
)
DELTA = collection("message", ("@odata.nextLink", "@odata.deltaLink"))

MOVE = Draft202012Validator(
    {
        "type": "object",
        "required": ["destinationId"],
        "properties": {"destinationId": {"type": "string"}},
        "additionalProperties": False,
    }
)

_FORM = {"enum": ["entryId", "ewsId", "immutableEntryId", "restId", "restImmutableEntryId"]}
TRANSLATE = Draft202012Validator(
    {
        "type": "object",
        "required": ["inputIds", "sourceIdType", "targetIdType"],
        "properties": {
            "inputIds": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1000},
            "sourceIdType": _FORM,
            "targetIdType": _FORM,
        },
        "additionalProperties": False,
    }
)
TRANSLATED = Draft202012Validator(
    {
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["sourceId"],
                    "properties": {
                        "sourceId": {"type": "string"},
                        "targetId": {"type": "string"},
                        "errorDetails": {"type": "object"},
                    },
                    "additionalProperties": False,
                },
            }
        },
    }
)

REQUESTS: dict[tuple[str, str], tuple[Draft202012Validator | None, Draft202012Validator | None]] = {
    ("GET", "users/*/mailFolders/*/messages/delta"): (None, DELTA),
    ("GET", "users/*/messages"): (None, collection("message")),
    ("GET", "users/*/mailFolders/*/messages"): (None, collection("message", ("@odata.nextLink",))),
    ("GET", "users/*/mailFolders/*/childFolders"): (None, collection("mailFolder")),
    ("POST", "users/*/translateExchangeIds"): (TRANSLATE, TRANSLATED),
    ("GET", "users/*/messages/*"): (None, schema_of("message")),
    ("GET", "users/*/messages/*/$value"): (None, None),
    ("PATCH", "users/*/messages/*"): (schema_of("message"), schema_of("message")),
    ("DELETE", "users/*/messages/*"): (None, None),
    ("POST", "users/*/messages/*/move"): (
        Draft202012Validator(
            {
                "required": ["destinationId"],
                "properties": {"destinationId": {"type": "string"}},
                "additionalProperties": False,
            }
        ),
        schema_of("message"),
    ),
    ("GET", "users/*/mailFolders"): (None, collection("mailFolder")),
    ("POST", "users/*/mailFolders"): (schema_of("mailFolder"), schema_of("mailFolder")),
    ("GET", "users/*/mailFolders/*"): (None, schema_of("mailFolder")),
    ("POST", "$batch"): (BATCH_ASKED, BATCH_ANSWERED),
}
"""For each kind of request: what its body and its answer are held to."""

_NAMED = {"users", "messages", "mailFolders"}


def kind_of(said: Json) -> tuple[str, str]:
    """Return method and path of an exchange with ids as `*`."""
    segments = plain_path(said["path"]).removeprefix("/v1.0/").split("/")
    shape = [
        "*" if number and segments[number - 1] in _NAMED and word != "delta" else word
        for number, word in enumerate(segments)
    ]
    return said["method"], "/".join(unquote(word) for word in shape)
