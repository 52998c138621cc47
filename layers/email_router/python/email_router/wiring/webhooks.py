"""Answer what a CRM's webhook posts: prove it, nudge the organisation's e-mails, start a collect, nothing more.

Dataverse waits 60 seconds, takes any 2xx as success, and repeats an asynchronous step once, on 502, 503 and 504 (learn.microsoft.com/
power-apps/developer/data-platform/use-webhooks).  Like notifications.py this imports no flow.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from email_router.core.errors import ConfigurationError
from email_router.core.outgoing_nudges import Collects, OutgoingNudges, ask_to_collect
from email_router.core.subscriptions import proves
from email_router.core.webhooks import KEY_HEADER, KEY_PARAMETER, LONGEST_READ, tells_of_nothing_to_send, webhook_key
from email_router.edge.connect import aws
from email_router.edge.stores.collects import LambdaCollects
from email_router.edge.stores.nudges import DynamoOutgoingNudges
from email_router.wiring.clock import CLOCK
from email_router.wiring.observe import log

Answer = dict[str, Any]

_ACCEPTED = 202
_FORBIDDEN = 403
_METHOD_NOT_ALLOWED = 405
_FUNCTION = "COLLECT_OUTGOING_FUNCTION"


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """What the webhooks of a stack need.  `secret` proves them; `nudges` gives those of an organisation."""

    secret: Callable[[], str] = field(repr=False)
    nudges: Callable[[str], OutgoingNudges]
    collects: Collects
    now: Callable[[], datetime] = field(default_factory=lambda: CLOCK.now)

    def answer(self, event: Mapping[str, Any], organisation: str) -> Answer:
        """Answer one request of the function URL (payload 2.0) to the organisation's path.

        What proves nothing is 403, the same for organisations that are here and that are not.  Raises when the table or Lambda is away:
        the caller gets 502, and Dataverse posts once more.
        """
        if event.get("requestContext", {}).get("http", {}).get("method") != "POST":
            return {"statusCode": _METHOD_NOT_ALLOWED, "headers": {"Allow": "POST"}, "body": ""}
        if not self._proven(event, organisation):
            log.warning("foreign webhook", size=len(event.get("body") or ""))
            return {"statusCode": _FORBIDDEN, "body": ""}
        if tells_of_nothing_to_send(_body(event)):
            return {"statusCode": _ACCEPTED, "body": ""}
        started = ask_to_collect(self.nudges(organisation), self.collects, organisation, self.now())
        log.info("e-mails to be sent", organisation=organisation, started=started)
        return {"statusCode": _ACCEPTED, "body": ""}

    def _proven(self, event: Mapping[str, Any], organisation: str) -> bool:
        """Tell whether the request carries the organisation's key, in the header or in the query; each is compared."""
        headers, query = event.get("headers") or {}, event.get("queryStringParameters") or {}
        given = [value for name, value in headers.items() if name.lower() == KEY_HEADER]
        given += [query[KEY_PARAMETER]] if KEY_PARAMETER in query else []
        if not organisation or not given:
            return False
        key = webhook_key(self.secret(), organisation)
        return any([proves(key, one) for one in given])  # noqa: C419 - a list: how many are compared tells nobody which fits


def webhooks(values: Mapping[str, str], secret: Callable[[], str]) -> Webhooks:
    """Return the answerer of a stack whose settings these are.  Raises ConfigurationError naming the variable that is missing."""
    function = values.get(_FUNCTION, "")
    if not function:
        raise ConfigurationError(f"environment variable {_FUNCTION} is missing: deploy the function with the template")
    dynamodb, table = aws.dynamodb(), values["ROUTER_TABLE"]
    return Webhooks(
        secret=secret,
        nudges=cache(lambda organisation: DynamoOutgoingNudges(dynamodb, table, organisation)),
        collects=LambdaCollects(aws.functions, function),
    )


def _body(event: Mapping[str, Any]) -> bytes:
    """Return the body; nothing of one that is too long to be looked at, or is no base64."""
    body = event.get("body") or ""
    if len(body) > 2 * LONGEST_READ:
        return b""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body)
    except ValueError:
        return b""
