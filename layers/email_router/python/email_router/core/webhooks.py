"""How a webhook of the CRM is addressed and proves itself, and when it tells of nothing to be sent.

Dynamics 365 posts to a service endpoint whenever the status of an e-mail changes (learn.microsoft.com/power-apps/developer/data-platform/
use-webhooks).  Whose it is stands in the path, and that it is theirs is proved by a fixed header: neither takes a read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from typing import Any

KEY_HEADER = "x-email-router-key"
"""The header that carries the key (authentication HttpHeader of a service endpoint)."""

KEY_PARAMETER = "code"
"""The parameter of the query that carries it where WebhookKey was chosen: its name is Dataverse's."""

LONGEST_READ = 300_000
"""Bytes of a body that is looked at: Dataverse takes the content out of what is over 256 KB."""

PENDING_SEND = 6
"""The statuscode of an e-mail that waits to be sent (email table, Status Reason)."""

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_PATH = re.compile(r"(?:^|/)crm/(~?)([A-Za-z0-9._-]{1,1200})/?$")


def path_of(organisation: str) -> str:
    """Return the path, without a slash in front, to which the organisation's webhooks are posted.

    A name of other letters than plain ones stands in base64: what lies between may read an encoded path in more ways than one.
    """
    if _PLAIN.fullmatch(organisation):
        return f"crm/{organisation}"
    return f"crm/~{base64.urlsafe_b64encode(organisation.encode()).decode().rstrip('=')}"


def organisation_of(path: str) -> str | None:
    """Return whose webhook a path is; None for any other path, "" for one that can be nobody's."""
    found = _PATH.search(path)
    if found is None:
        return None
    encoded, text = found.groups()
    if not encoded:
        return text
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (ValueError, binascii.Error):
        return ""


def webhook_key(secret: str, organisation: str) -> str:
    """Return the key of the organisation's webhooks: 43 characters that only the holder of the stack's secret can make."""
    said = f"crm webhook\0{organisation}"
    made = hmac.new(secret.encode(), said.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def tells_of_nothing_to_send(body: bytes) -> bool:
    """Tell whether a body says plainly that an e-mail got another status than Pending Send: the router's own steps do that, too.

    Any doubt is no: a body without its content (over 256 KB), of another message, unreadable, or too long to be looked at.
    """
    if len(body) > LONGEST_READ:
        return False
    try:
        statuses = [_status(one) for one in json.loads(body)["InputParameters"] if one["key"] == "Target"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return len(statuses) == 1 and type(statuses[0]) is int and statuses[0] != PENDING_SEND


def _status(target: Any) -> Any:  # noqa: ANN401 - whatever stands there
    """Return the statuscode of an input parameter's entity.  Raises KeyError, TypeError or ValueError where there is not one."""
    (status,) = [one["value"] for one in target["value"]["Attributes"] if one["key"] == "statuscode"]
    return status["Value"]
