"""CPU time of reading a message, as a part of the standard library's with policy.default, everything decoded in both."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser

from email_router.core.compose import Outgoing, compose
from email_router.core.message import Address, Attachment
from email_router.core.parse import parse

_ROUNDS = 5
_WORDS = [
    "invoice",
    "meeting",
    "account",
    "quote",
    "delivery",
    "contract",
    "Grüße",
    "Straße",
    "見積書",
    "счёт",
    "договор",
]


def mails(count: int, attachment: int, seed: int = 7) -> list[bytes]:
    """Return `count` mails with text and html; with one attachment of so many bytes when it is not 0.  Always the same ones."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        text = "\n".join(" ".join(dice.choices(_WORDS, k=12)) for _ in range(40))
        html = "".join(f'<p class="x" style="margin:0">{line}</p>' for line in text.splitlines())
        files = (Attachment("drawing.pdf", "application/pdf", dice.randbytes(attachment)),) if attachment else ()
        mail = Outgoing(
            sender=Address("Erin Müller", "erin@fabrikam.example"),
            to=(Address("Sales", "sales@contoso.example"),),
            subject=" ".join(dice.choices(_WORDS, k=6)),
            date=datetime(2026, 11, 24, tzinfo=UTC),
            message_id=f"<{number}@fabrikam.example>",
            text=text,
            html=html,
            attachments=files,
        )
        made.append(compose(mail))
    return made


def ours(raw: bytes) -> None:
    """Read as the router does."""
    parse(raw)


def standard(raw: bytes) -> None:
    """Read with the standard library, decoding everything."""
    message = BytesParser(policy=policy.default).parsebytes(raw)
    _ = (message["subject"], message["from"], message["to"], message["date"])
    for part in message.walk():
        if not part.is_multipart():
            part.get_content()


def ratio(corpus: Sequence[bytes]) -> float:
    """Return the median over the rounds of our time divided by the standard library's, taken in turn."""
    return statistics.median(_cpu(ours, corpus) / _cpu(standard, corpus) for _ in range(_ROUNDS))


def _cpu(read: Callable[[bytes], None], corpus: Sequence[bytes]) -> float:
    began = time.process_time()
    for raw in corpus:
        read(raw)
    return time.process_time() - began


def run() -> None:
    """Print the ratios."""
    print(f"reading, small mails: {ratio(mails(150, 0)):.3f} of policy.default")
    print(f"reading, with an attachment of 300 KB: {ratio(mails(40, 300_000)):.3f} of policy.default")
