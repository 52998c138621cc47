"""Serve the certificate by which the notices of events/ are signed, as Amazon SNS does: over TLS and at its own name."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulators.certificates import Authority

HOST = "sns.eu-central-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:ses-feedback"
_HERE = Path(__file__).parent


class AmazonSns:
    """The server, and how often it was asked."""

    def __init__(self, authority: Authority) -> None:
        """Listen on a free port, known by the throw-away authority."""
        asked: list[str] = []

        class Certificates(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(self.path)
                pem = (_HERE / "sns_certificate.pem").read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(pem)))
                self.end_headers()
                self.wfile.write(pem)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.asked = asked
        self._authority = authority
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Certificates)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue_only(HOST))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads a function here, and lets it believe the authority as it believes the public ones."""
        return {
            "DELIVERY_TOPIC": TOPIC,
            "PYTHONPATH": str(_HERE / "redirected"),
            "SNS_AT": str(self._server.server_port),
            "SSL_CERT_FILE": str(self._authority.ca),
        }

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
