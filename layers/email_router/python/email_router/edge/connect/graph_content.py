"""Read the parts of our own composed mail where they lie: an attachment is decoded piece by piece, never whole.

A mail of 140 MB would take its size many times over in the standard library's parser.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

from email_router.core.octets import Octets, regrouped

if TYPE_CHECKING:
    from email.message import EmailMessage

_BLOCK = 1024 * 1024
_LINE_ENDS = b"\r\n"
_END_OF_HEADER = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Span:
    """Where something lies in a mail."""

    mail: Octets = field(repr=False)
    start: int
    end: int

    def __len__(self) -> int:
        """Return how many bytes lie there."""
        return max(0, self.end - self.start)

    def pieces(self) -> Iterator[bytes]:
        """Yield them, read a piece at a time."""
        for at in range(self.start, self.end, _BLOCK):
            yield self.mail[at : min(at + _BLOCK, self.end)]

    def whole(self) -> bytes:
        """Return them."""
        return self.mail[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an attachment as they lie encoded in the mail."""

    encoded: Span
    coded: bool = True
    """Whether they are base64."""

    @property
    def size(self) -> int:
        """The number of bytes when decoded."""
        if not self.coded:
            return len(self.encoded)
        text = sum(len(block) for block in self._blocks())
        return text // 4 * 3 - self.encoded.mail[self.encoded.end - 8 : self.encoded.end].count(b"=")

    def whole(self) -> bytes:
        """Return all of it, decoded."""
        return b"".join(self._decoded())

    def pieces(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Yield it from byte `start` in pieces of `size`, the last one shorter."""
        return regrouped(self._behind(start), size)

    def _behind(self, start: int) -> Iterator[bytes]:
        for block in self._decoded():
            skipped = min(start, len(block))
            start -= skipped
            yield block[skipped:]

    def _decoded(self) -> Iterator[bytes]:
        rest = b""
        for block in self._blocks():
            text = rest + block if self.coded else block
            whole = len(text) - len(text) % 4 if self.coded else len(text)
            yield base64.b64decode(text[:whole]) if self.coded else text
            rest = text[whole:]
        if rest:
            yield base64.b64decode(rest + b"=" * (-len(rest) % 4))

    def _blocks(self) -> Iterator[bytes]:
        for block in self.encoded.pieces():
            yield block.translate(None, _LINE_ENDS) if self.coded else block


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that holds no other parts: its header fields, and its content."""

    header: EmailMessage
    body: Span

    def content(self) -> Content:
        """Return the decoded bytes."""
        coding = str(self.header["Content-Transfer-Encoding"] or "7bit").strip().lower()
        if coding == "base64":
            return Content(self.body)
        if coding == "quoted-printable":
            payload = self._message().get_payload(decode=True)
            decoded = payload if isinstance(payload, bytes) else b""
            return Content(Span(decoded, 0, len(decoded)), coded=False)
        return Content(self.body, coded=False)

    def text(self) -> str:
        """Return the text of a part that is text."""
        return str(self._message().get_content())

    def _message(self) -> EmailMessage:
        return message_from_bytes(self.header.as_bytes(policy=policy.SMTP) + self.body.whole(), policy=policy.default)


def leaves(mail: Octets) -> Iterator[Leaf]:
    """Yield the parts of a mail that hold no others, in their order."""
    yield from _leaves(mail, 0, len(mail))


def header_of(mail: Octets, start: int = 0) -> tuple[EmailMessage, int]:
    """Return the header fields that begin at `start`, and where what follows them begins."""
    end = mail.find(_END_OF_HEADER, start)
    end = len(mail) if end < 0 else end
    return message_from_bytes(mail[start:end] + _END_OF_HEADER, policy=policy.default), end + len(_END_OF_HEADER)


def _leaves(mail: Octets, start: int, end: int) -> Iterator[Leaf]:
    header, body = header_of(mail, start)
    boundary = header.get_boundary()
    if boundary is None or header.get_content_maintype() != "multipart":
        yield Leaf(header, Span(mail, min(body, end), end))
        return
    mark = f"--{boundary}".encode("ascii")
    at = mail.find(mark, body, end)
    while at >= 0 and mail[at + len(mark) : at + len(mark) + 2] != b"--":
        begins = at + len(mark) + len(_LINE_ENDS)
        at = mail.find(b"\r\n" + mark, begins, end)
        yield from _leaves(mail, begins, at if at >= 0 else end)
        at = at + len(_LINE_ENDS) if at >= 0 else at
