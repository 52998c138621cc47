"""Hold each exchange with the simulated Graph and login host to its description: every endpoint, both directions."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.contracts.graph_shapes import ERROR, REQUESTS, SCHEMA, collection, schema_of
from tests.simulators.graph import entra, uploads
from tests.simulators.graph.http import Json, plain_path
from tests.simulators.graph.service import API_ROUTES

Shapes = tuple[Draft202012Validator | None, Draft202012Validator | None]


def _object(required: dict[str, Any], **optional: Any) -> Draft202012Validator:
    shape = {"type": "object", "required": list(required), "properties": {**required, **optional}}
    return Draft202012Validator({**shape, "additionalProperties": False})


_TEXT: Json = {"type": "string", "minLength": 1}
_SECONDS: Json = {"type": "integer", "minimum": 0}
_ATTACHED = schema_of("fileAttachment")
_SESSION = schema_of("uploadSession")
_RULE = schema_of("messageRule")
_SUBSCRIPTION = schema_of("subscription")
_UPLOAD_ASKED = Draft202012Validator(
    {
        "type": "object",
        "required": ["attachmentItem"],
        "properties": {"attachmentItem": {"$ref": "#/$defs/microsoft.graph.attachmentItem"}},
        "additionalProperties": False,
        "$defs": SCHEMA["$defs"],
    }
)
_TOKEN_ASKED = _object(
    {"grant_type": {"const": "client_credentials"}, "client_id": _TEXT, "scope": _TEXT},
    client_secret=_TEXT,
    client_assertion=_TEXT,
    client_assertion_type={"const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
    client_info={"const": "1"},
    claims=_TEXT,
)
"""RFC 6749, 4.4.2, and RFC 7523, 2.2; client_info and claims are Entra's own."""
_TOKEN_GIVEN = _object(
    {"token_type": {"const": "Bearer"}, "expires_in": _SECONDS, "access_token": _TEXT}, ext_expires_in=_SECONDS
)
"""RFC 6749, 5.1; ext_expires_in is Entra's own."""
_TOKEN_REFUSED = _object(
    {
        "error": _TEXT,
        "error_description": {"type": "string", "pattern": r"^AADSTS\d+: "},
        "error_codes": {"type": "array"},
    },
    timestamp=_TEXT,
    trace_id=_TEXT,
    correlation_id=_TEXT,
    error_uri=_TEXT,
)
"""RFC 6749, 5.2, with learn.microsoft.com/entra/identity-platform/reference-error-codes."""
_DISCOVERY = Draft202012Validator(
    {
        "type": "object",
        "required": [
            *("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported"),
            *("subject_types_supported", "id_token_signing_alg_values_supported"),
        ],
    }
)
"""OpenID Connect Discovery 1.0, 3."""

EVERY: dict[tuple[str, str], Shapes] = {
    **REQUESTS,
    ("POST", "users/*/messages"): (schema_of("message"), schema_of("message")),
    ("POST", "users/*/messages/*/send"): (None, None),
    ("GET", "users/*/messages/*/attachments"): (None, collection("fileAttachment")),
    ("POST", "users/*/messages/*/attachments"): (_ATTACHED, _ATTACHED),
    ("POST", "users/*/messages/*/attachments/createUploadSession"): (_UPLOAD_ASKED, _SESSION),
    ("PUT", "upload/*"): (None, _SESSION),
    ("GET", "upload/*"): (None, _SESSION),
    ("POST", "users/*/mailFolders/*/childFolders"): (schema_of("mailFolder"), schema_of("mailFolder")),
    ("GET", "users/*/mailFolders/*/messageRules"): (None, collection("messageRule", ("@odata.nextLink",))),
    ("POST", "users/*/mailFolders/*/messageRules"): (_RULE, _RULE),
    ("GET", "users/*/mailFolders/*/messageRules/*"): (None, _RULE),
    ("PATCH", "users/*/mailFolders/*/messageRules/*"): (_RULE, _RULE),
    ("DELETE", "users/*/mailFolders/*/messageRules/*"): (None, None),
    ("POST", "subscriptions"): (_SUBSCRIPTION, _SUBSCRIPTION),
    ("GET", "subscriptions"): (None, collection("subscription")),
    ("GET", "subscriptions/*"): (None, _SUBSCRIPTION),
    ("PATCH", "subscriptions/*"): (_SUBSCRIPTION, _SUBSCRIPTION),
    ("DELETE", "subscriptions/*"): (None, None),
    ("POST", "*/oauth2/v2.0/token"): (_TOKEN_ASKED, _TOKEN_GIVEN),
    ("GET", "*/v2.0/.well-known/openid-configuration"): (None, _DISCOVERY),
}
"""For each endpoint of the simulator: what the body of a request and what its answer is held to; None where there is no JSON."""

_MIME_TOO = {("POST", "users/*/messages")}
_ALL_ROUTES = [*API_ROUTES, *entra.ROUTES, *uploads.OPEN_ROUTES]


def endpoints() -> set[tuple[str, str]]:
    """Return every endpoint that the simulator has."""
    return {(route.method, route.template.removeprefix("/v1.0").strip("/").replace("{}", "*")) for route in _ALL_ROUTES}


@cache
def _patterns() -> list[tuple[tuple[str, str], re.Pattern[str]]]:
    """The literal ones first: messages/delta is no message."""
    ordered = sorted(EVERY, key=lambda key: key[1].count("*"))
    return [(key, re.compile(re.escape(key[1]).replace(r"\*", "[^/]+"), re.IGNORECASE)) for key in ordered]


def endpoint_of(said: Json) -> tuple[str, str] | None:
    """Return the endpoint that an exchange is of, or None for an address that there is none of."""
    path = plain_path(said["path"])
    path = path[len("/v1.0") :] if path.lower().startswith("/v1.0/") else path
    fitting = (key for key, pattern in _patterns() if key[0] == said["method"] and pattern.fullmatch(path.strip("/")))
    return next(fitting, None)


def check(said: Json) -> None:
    """Hold one exchange to its description.  A request that was refused as wrong is not held to it: a test provoked it."""
    endpoint = endpoint_of(said)
    login = endpoint is not None and endpoint[1].startswith("*/")
    if said["status"] >= 400:
        if not login:
            ERROR.validate(said["answer"])
        elif said["status"] < 429:  # what stands before the login host in trouble answers as it likes
            _TOKEN_REFUSED.validate(said["answer"])
        return
    assert endpoint is not None, f"an answer {said['status']} of no known endpoint: {said['method']} {said['path']}"
    asked, answered = EVERY[endpoint]
    _check_request(said, endpoint, asked)
    if said["answer"] is not None and answered is not None:
        answered.validate(said["answer"])
    assert (said["answer"] is None) == (answered is None) or endpoint[1] == "upload/*", said


def _as_documented(asked: Any) -> Any:
    """Return a body as the documents write it.

    The names of an action's parameters have no case: the documents themselves write AttachmentItem, and Microsoft's SDK DestinationId.
    The SDK also puts an empty depends_on into the requests of a batch.
    """
    if not isinstance(asked, dict):
        return asked
    shown = {name[:1].lower() + name[1:]: value for name, value in asked.items()}
    if isinstance(shown.get("requests"), list):
        shown["requests"] = [
            {k: v for k, v in one.items() if (k, v) != ("depends_on", [])} for one in shown["requests"]
        ]
    return shown


def _check_request(said: Json, endpoint: tuple[str, str], asked: Draft202012Validator | None) -> None:
    assert said["authorised"] == (endpoint[1].partition("/")[0] not in {"*", "upload"}) or said["batched"], said
    if asked is None:
        assert said["asked"] is None, said
    elif said["kind"] == "text/plain":
        assert endpoint in _MIME_TOO, said
    elif said["asked"] is not None:
        asked.validate(_as_documented(said["asked"]))
    else:
        assert said["length"] > 0, said
