"""Tell of a token what a person must know of it, and never the token."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from email_router.edge.connect.entra import Account

_PARTS = 3
_MOST_ROLES = 12


def of_microsoft(account: Account, token: str, *, kept: bool) -> str:
    """Return for which application the token is, by what it was asked for, and which application permissions it holds.

    Those stand in its claim `roles` (learn.microsoft.com/entra/identity-platform/access-token-claims-reference); what RBAC for Applications
    gives stands in Exchange alone.
    """
    by = "certificate" if "-----BEGIN" in account.secret else "client secret"
    tenant = urlsplit(account.authority).path.strip("/")
    how = "a token that is kept" if kept else f"a new token by {by}"
    return f"application {account.client_id} of tenant {tenant}, {how} for {account.resource}{_permissions(token)}"


def of_google(user: str, *, kept: bool) -> str:
    """Return for whose mailbox the token is."""
    return f"{'a token that is kept' if kept else 'a new token'} of Google for {user}"


def roles_in(token: str) -> tuple[str, ...] | None:
    """Return the application permissions that a token names; None where it cannot be read, which it need not be."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(claims, dict):
        return None
    roles = claims.get("roles") or ()
    return tuple(str(one) for one in roles) if isinstance(roles, list | tuple) else None


def _permissions(token: str) -> str:
    roles = roles_in(token)
    if roles is None:
        return ""
    if not roles:
        return (
            "; it holds no application permission: what the application may do comes from RBAC for Applications alone"
        )
    return f"; application permissions: {', '.join(sorted(roles)[:_MOST_ROLES])}"
