"""The server's side of TLS, with a certificate of certificates.py."""

from __future__ import annotations

import ssl
from pathlib import Path


def server_side(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
