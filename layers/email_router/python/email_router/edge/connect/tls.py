"""Put TLS on a line and verify who is there; there is no option not to."""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater

if TYPE_CHECKING:
    from email_router.core.ports import Witness

_SELF_SIGNED = frozenset({18, 19})  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
_UNKNOWN_ISSUER = frozenset({2, 20, 21})  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, ..._LOCALLY, ..._VERIFY_LEAF_SIGNATURE
_TIME = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_NAME = frozenset({62, 63, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, EMAIL, IP_ADDRESS

_MEND_ISSUER = "Name the private CA's bundle as ca_bundle in the profile, or use a certificate of a public CA."
_MEND_SELF = (
    "Self-signed certificates are refused: give the server one issued by a CA; name a private CA's bundle as ca_bundle."
)
_MEND_TIME = "Renew the server's certificate (or set the server's clock right)."
_MEND_NAME = "Use the host name that stands in the certificate, or have one issued for this name."


@lru_cache(maxsize=64)
def context_for(ca_pem: str = "") -> ssl.SSLContext:
    """Return the verifying context for a CA bundle's PEM text (empty: the public CAs), made once per process: it costs 40 ms.

    TLS 1.2 or newer, the chain and the host name checked.  Raises ConfigurationError for a bundle that is none.
    """
    try:
        context = ssl.create_default_context(cadata=ca_pem or None)
    except (ssl.SSLError, ValueError) as problem:
        raise ConfigurationError(f"ca_bundle: expected certificates in PEM form ({problem})") from problem
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def secure(line: socket.socket, host: str, ca_pem: str = "", witness: Witness | None = None) -> ssl.SSLSocket:
    """Return the line with TLS on it, the server proven to be `host`; the plain socket is closed when that fails.

    Raises MailboxBlocked "certificate" (with what to do) or "tls" (no common version, or no TLS at all), TryLater when the line breaks.  Of a
    host that the witness only looks at no line is ever returned: MailboxBlocked "certificate" once it was looked at.
    """
    if witness is not None and witness.looks_at == host:
        raise _looked_at(line, host, witness)
    try:
        secured = context_for(ca_pem).wrap_socket(line, server_hostname=host.removeprefix("[").removesuffix("]"))
    except ConfigurationError:
        line.close()
        raise
    except ssl.SSLCertVerificationError as problem:
        line.close()
        raise _refused(host, problem.verify_code, problem.verify_message) from problem
    except ssl.SSLEOFError as problem:
        line.close()
        raise _broken(host, "closed the line during the TLS handshake") from problem
    except ssl.SSLError as problem:
        line.close()
        raise MailboxBlocked(
            f"{host}: no TLS 1.2 or newer was agreed on ({problem.reason or 'TLS error'})",
            kind="tls",
            mend='Check port and security in the profile ("tls": 993, 995, 465; "starttls": 143, 110, 587) and the server\'s TLS versions.',
        ) from problem
    except OSError as problem:
        line.close()
        raise _broken(host, f"broke the line during the TLS handshake ({problem})") from problem
    _no_self_signed(secured, host)
    if witness is not None:
        _tell(secured, witness)
    return secured


def _tell(secured: ssl.SSLSocket, witness: Witness) -> None:
    from email_router.edge.connect.certificates import certificate_of  # noqa: PLC0415 - a test of access alone reads it

    if (found := certificate_of(secured)) is not None:
        witness.secured(found)


def _looked_at(line: socket.socket, host: str, witness: Witness) -> MailboxBlocked:
    from email_router.edge.connect.certificates import look  # noqa: PLC0415 - as above

    if (found := look(line, host.removeprefix("[").removesuffix("]"))) is not None:
        witness.presented(found)
    return MailboxBlocked(f"{host}: its certificate was only looked at", kind="certificate")


def _no_self_signed(secured: ssl.SSLSocket, host: str) -> None:
    """Refuse a certificate that vouches for itself even where the bundle holds it: a bundle names CAs, not servers."""
    certificate = secured.getpeercert() or {}
    if certificate.get("issuer") == certificate.get("subject"):
        secured.close()
        raise _refused(host, min(_SELF_SIGNED), "self-signed certificate")


def _refused(host: str, code: int, words: str) -> MailboxBlocked:
    mend = _MEND_ISSUER
    if code in _SELF_SIGNED:
        mend = _MEND_SELF
    elif code in _TIME:
        mend = _MEND_TIME
    elif code in _NAME:
        mend = _MEND_NAME
    return MailboxBlocked(f"{host}: its certificate is refused: {words.rstrip('.')}", kind="certificate", mend=mend)


def _broken(host: str, what: str) -> TryLater:
    return TryLater(
        f"{host} {what}", kind="connection_lost", mend="Check the server; the next pass tries again.", shared=True
    )
