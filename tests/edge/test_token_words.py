"""What is told of a token: what it allows, and never itself."""

from __future__ import annotations

import jwt
import pytest

from email_router.core.ports import Reach
from email_router.edge.connect.entra import Account
from email_router.edge.connect.token_words import of_microsoft, roles_in

ACCOUNT = Account("https://login.microsoftonline.com/t", "the-client", "s3cret", "https://graph.microsoft.com", Reach())
KEY = "0123456789abcdef0123456789abcdef"


def token(**claims: object) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


def test_the_application_permissions_that_it_holds_are_named() -> None:
    told = of_microsoft(ACCOUNT, token(roles=["Mail.Send", "Mail.ReadWrite"], oid="x"), kept=False)

    assert told == (
        "application the-client of tenant t, a new token by client secret for https://graph.microsoft.com; "
        "application permissions: Mail.ReadWrite, Mail.Send"
    )


def test_without_one_what_it_may_comes_from_exchange() -> None:
    assert of_microsoft(ACCOUNT, token(oid="x"), kept=True).endswith(
        "it holds no application permission: what the application may do comes from RBAC for Applications alone"
    )


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "a.%%%.c", "..", token(roles="Mail.Send"), "a.W10.c"])
def test_one_that_cannot_be_read_is_told_without_permissions(text: str) -> None:
    told = of_microsoft(ACCOUNT, text, kept=False)

    assert roles_in(text) is None
    assert told.endswith("for https://graph.microsoft.com")
    assert text not in told
    assert "s3cret" not in told


def test_a_certificate_is_told_from_a_secret() -> None:
    account = Account("https://login.microsoftonline.com/t", "c", "-----BEGIN CERTIFICATE-----", "r", Reach())

    assert "by certificate" in of_microsoft(account, "opaque", kept=False)
