"""Make the words of a login: SASL PLAIN (RFC 4616), XOAUTH2 (of Google and Microsoft), OAUTHBEARER (RFC 7628)."""

from __future__ import annotations


def plain(user: str, password: str) -> bytes:
    """Return the message of PLAIN; neither part may hold NUL."""
    return f"\0{user}\0{password}".encode()


def xoauth2(user: str, token: str) -> bytes:
    """Return the message of XOAUTH2.

    learn.microsoft.com: "Authenticate an IMAP, POP or SMTP connection using OAuth"; developers.google.com: "The XOAUTH2 mechanism".
    """
    return f"user={user}\1auth=Bearer {token}\1\1".encode()


def oauthbearer(user: str, token: str) -> bytes:
    """Return the message of OAUTHBEARER; host and port may be left out (RFC 7628 3.1)."""
    name = user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\1auth=Bearer {token}\1\1".encode()
