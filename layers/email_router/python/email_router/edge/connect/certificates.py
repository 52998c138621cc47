"""Read the certificate that a server shows when TLS begins, for people to look at."""

from __future__ import annotations

import contextlib
import ssl
from hashlib import sha256
from typing import TYPE_CHECKING

from email_router.core.access_steps import Certificate

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from cryptography import x509

_LOOK_SECONDS = 20.0
_PAIR = 2


def certificate_of(secured: ssl.SSLSocket) -> Certificate | None:
    """Return the certificate of a line that has TLS on it; None where it cannot be read."""
    from cryptography import x509  # noqa: PLC0415 - a test of access alone asks for it

    der = secured.getpeercert(binary_form=True) or b""
    with contextlib.suppress(ValueError, x509.InvalidVersion):
        found = x509.load_der_x509_certificate(der)
        digest = sha256(der).hexdigest().upper()
        return Certificate(
            subject=found.subject.rfc4514_string(),
            issuer=found.issuer.rfc4514_string(),
            names=tuple(_names(found)),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            sha256=":".join(digest[at : at + _PAIR] for at in range(0, len(digest), _PAIR)),
            tls=secured.version() or "",
        )
    return None


def look(line: socket.socket, host: str) -> Certificate | None:
    """Return what the server shows, proven or not, and close the line: nothing is ever said on it.  None when it shows nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what comes of it is shown to a person, and the line is closed
    with line, contextlib.suppress(OSError, ValueError):
        line.settimeout(_LOOK_SECONDS)
        with context.wrap_socket(line, server_hostname=host) as seen:
            return certificate_of(seen)
    return None


def _names(certificate: x509.Certificate) -> Iterator[str]:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return
    yield from names.get_values_for_type(x509.DNSName)
    yield from map(str, names.get_values_for_type(x509.IPAddress))
