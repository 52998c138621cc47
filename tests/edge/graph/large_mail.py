"""Send a mail with an attachment of 140 MB in a process of its own, and tell how much memory that took: ENDPOINT CA MAILBOX."""

from __future__ import annotations

import base64
import hashlib
import json
import resource
import sys
from pathlib import Path

from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.core.sending import Envelope
from email_router.edge.senders.graph import GraphSender
from tests.simulators.graph.world import CLIENT, SECRET, TENANT

_LINE = bytes(range(57))
_LINES = 140 * 1024 * 1024 // len(_LINE)
_LINES_AT_ONCE = 10_000


def composed(box: str) -> tuple[bytes, str]:
    """Return the mail, and the digest of its attachment; the mail is the only large thing that is held."""
    head = f"From: Sales <{box}>\r\nTo: kim@fabrikam.example\r\nSubject: large\r\nMessage-ID: <large@{box}>\r\n"
    head += 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    head += "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
    head += "--b\r\nContent-Type: application/x-large\r\nContent-Disposition: attachment; filename=large.bin\r\n"
    head += "Content-Transfer-Encoding: base64\r\n\r\n"
    line, digest = base64.b64encode(_LINE) + b"\r\n", hashlib.sha256()
    for _ in range(_LINES // _LINES_AT_ONCE):
        digest.update(_LINE * _LINES_AT_ONCE)
    digest.update(_LINE * (_LINES % _LINES_AT_ONCE))
    many, rest = [line * _LINES_AT_ONCE] * (_LINES // _LINES_AT_ONCE), line * (_LINES % _LINES_AT_ONCE)
    return b"".join((head.encode(), *many, rest, b"--b--\r\n")), digest.hexdigest()


def peak() -> int:
    """The most memory that this process ever held, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main(endpoint: str, ca: str, box: str) -> None:
    """Send, and write what is to be told as JSON."""
    profile = Profile(
        name="out",
        direction=Direction.OUTGOING,
        server="exchange-online",
        protocol="graph",
        ca_pem=Path(ca).read_text(),
        tenant_id=TENANT,
        client_id=CLIENT,
        endpoint=endpoint,
        authority=endpoint,
    )
    sender = GraphSender(profile, Mailbox(address=box), SECRET, Reach(loopback=True))
    envelope = Envelope(organisation="contoso", activity="1", sender=box, recipients=("kim@fabrikam.example",))
    small = b"From: a@example.com\r\nTo: b@example.com\r\n\r\nx\r\n"
    sender.draft(envelope, small)  # what logging in and the libraries take is no matter of the mail's size
    mail, digest = composed(box)
    before = peak()
    result = sender.send(envelope, mail)
    told = {"outcome": result.outcome.value, "size": len(mail), "digest": digest, "beyond": peak() - before}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
