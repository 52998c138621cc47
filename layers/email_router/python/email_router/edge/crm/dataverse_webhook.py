"""Register the webhook in Dynamics 365 by which it tells of e-mails to be sent, and take it away again.

A service endpoint says where to post, steps say when: after an update of an e-mail's status, and after its sending by a user, which is a
message of its own (learn.microsoft.com/power-apps/developer/data-platform: register-web-hook; table reference of serviceendpoint and
sdkmessageprocessingstep).  Ids are made of the stack and the organisation: whoever registers again changes what is there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from email_router.core.errors import ConfigurationError
from email_router.edge.connect.dataverse import text
from email_router.edge.connect.dataverse_errors import NOT_FOUND

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient

_NAMES = uuid.UUID("0f5d1c7a-6f0e-5b53-9d35-7c1a4b8e2d60")
_WEBHOOK = 8
_HTTP_HEADER = 5
_JSON = 2
_ASYNCHRONOUS = 1
_POST_OPERATION = 40
_SERVER_ONLY = 0
_ENABLED = {"statecode": 0, "statuscode": 1}


@dataclass(frozen=True, slots=True)
class _Step:
    """After which message of the email table is posted; `columns`: only when one of these is among what was changed."""

    message: str
    columns: str = ""
    needed: bool = False


_STEPS = (_Step("Update", "statuscode", needed=True), _Step("Send"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where to post, and what proves it.  `stack` and `organisation` name it: at most 100 characters of both are shown."""

    stack: str
    organisation: str
    url: str
    header: str
    key: str = field(repr=False)

    @property
    def name(self) -> str:
        """Its name in Dynamics 365."""
        return f"E-mail Router {self.stack}/{self.organisation}"[:100]

    def id(self, part: str) -> str:
        """Return the id of the endpoint ("endpoint") or of the step of a message."""
        return str(uuid.uuid5(_NAMES, f"{self.stack}\0{self.organisation}\0{part}"))


def register(client: DataverseClient, webhook: Webhook) -> list[str]:
    """Make the endpoint and its steps, or bring those that stand up to date; return the messages that are told of.  Repeatable.

    Raises ConfigurationError where Dynamics 365 has no message for it, and what the client raises: "access_denied" names the privilege.
    If we die in between, the next registration goes on.
    """
    filters = {step: _filter(client, step.message) for step in _STEPS}
    missing = [step.message for step, found in filters.items() if step.needed and found is None]
    if missing:
        raise ConfigurationError(
            f"Dynamics 365 takes no step after the message {missing[0]} of the table email: expected in every environment; check the url"
        )
    endpoint = webhook.id("endpoint")
    client.call("PATCH", f"serviceendpoints({endpoint})", _endpoint(webhook))
    told = [(step, found) for step, found in filters.items() if found is not None]
    for step, (message, filtered) in told:
        place = f"sdkmessageprocessingsteps({webhook.id(step.message)})"
        made = {
            "name": f"{webhook.name}: {step.message} of email",
            "mode": _ASYNCHRONOUS,
            "stage": _POST_OPERATION,
            "rank": 1,
            "supporteddeployment": _SERVER_ONLY,
            "asyncautodelete": True,
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
            "sdkmessageid@odata.bind": f"/sdkmessages({message})",
            "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({filtered})",
            **({"filteringattributes": step.columns} if step.columns else {}),
        }
        if not client.create(place, made):
            client.call("PATCH", place, dict(_ENABLED))
    return [step.message for step, _ in told]


def remove(client: DataverseClient, webhook: Webhook) -> bool:
    """Take the steps away, then the endpoint; False when there was none of them.  Repeatable."""
    return any([client.call("DELETE", place, accept=(NOT_FOUND,)).status != NOT_FOUND for place in _places(webhook)])  # noqa: C419 - all of them


def _places(webhook: Webhook) -> Iterator[str]:
    yield from (f"sdkmessageprocessingsteps({webhook.id(step.message)})" for step in _STEPS)
    yield f"serviceendpoints({webhook.id('endpoint')})"


def _endpoint(webhook: Webhook) -> dict[str, object]:
    header = f"<setting name={quoteattr(webhook.header)} value={quoteattr(webhook.key)} />"
    return {
        "name": webhook.name,
        "contract": _WEBHOOK,
        "url": webhook.url,
        "authtype": _HTTP_HEADER,
        "authvalue": f"<settings>{header}</settings>",
        "messageformat": _JSON,
    }


def _filter(client: DataverseClient, message: str) -> tuple[str, str] | None:
    """Return the ids of a message and of its filter for the table email; None where no step may follow it."""
    rows = client.call("GET", f"sdkmessages?$select=sdkmessageid&$filter=name eq {text(message)}").rows()
    for row in rows:
        found = str(row["sdkmessageid"])
        wanted = f"primaryobjecttypecode eq 'email' and _sdkmessageid_value eq {found} and iscustomprocessingstepallowed eq true"
        filters = client.call("GET", f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={wanted}").rows()
        if filters:
            return found, str(filters[0]["sdkmessagefilterid"])
    return None
