"""Write elements of EWS, and read its answers: whole ones, and the MIME of a message as it comes."""

from __future__ import annotations

import binascii
import contextlib
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import requests
from exchangelib import errors as exchange_errors  # type: ignore[import-untyped]
from exchangelib.util import MNS, TNS, create_element  # type: ignore[import-untyped]

from email_router.core.errors import TryLater
from email_router.core.octets import Octets, in_base64, pieces_of
from email_router.edge.connect import waits
from email_router.edge.connect.ews_errors import EwsError
from email_router.edge.connect.https import AnswerLost

if TYPE_CHECKING:
    from collections.abc import Iterator

MIME = "the mail as it was composed"
"""The text of an element in place of which a mail stands."""

_MILLISECOND = 0.001
_LARGEST_ANSWER = 64 * 1024 * 1024
_PIECE = 64 * 1024
_LONGEST_HEAD = 1024 * 1024
_MIME = re.compile(rb"<(?:\w+:)?MimeContent(?:\s[^<>]*)?(?<!/)>")


def element(name: str, *children: Any, text: str = "", **attributes: str) -> Any:  # noqa: ANN401 - lxml has no types
    """Return an element such as "t:ItemId" with children."""
    made = create_element(name, attrs=attributes or None)
    made.text = text or None
    made.extend([child if child.getparent() is None else deepcopy(child) for child in children if child is not None])
    return made


def child_text(found: Any, name: str) -> str:  # noqa: ANN401 - as above
    """Return the text of the first element "t:Name" below, or nothing."""
    return str(found.findtext(f".//{{{TNS}}}{name}") or "")


def judged(message: Any) -> Any:  # noqa: ANN401 - lxml has no types
    """Return a response message, or the error that it tells; an inner code counts more than the outer."""
    code = message.findtext(f"{{{MNS}}}ResponseCode")
    if message.get("ResponseClass", "Success") != "Error":
        return message
    told = {value.get("Name"): value.text or "" for value in message.iter(f"{{{TNS}}}Value")}
    wait = told.get("BackOffMilliseconds", "")
    inner = told.get("InnerErrorResponseCode", "")
    code = inner if inner in vars(exchange_errors) else code or "no code"
    return EwsError(code, message.findtext(f"{{{MNS}}}MessageText") or "", waits.seconds(wait, _MILLISECOND) or 0.0)


def pieces(answer: requests.Response, host: str) -> Iterator[bytes]:
    """Yield an answer as it comes.  Raises AnswerLost."""
    try:
        yield from answer.iter_content(_PIECE)
    except (requests.RequestException, OSError) as problem:
        raise lost(host, "broke the line in the middle of its answer") from problem


def whole(answer: requests.Response, host: str) -> bytes:
    """Return an answer and keep the line.  Raises AnswerLost, TryLater for one that is too large."""
    with contextlib.closing(answer):
        body, size = [], 0
        for piece in pieces(answer, host):
            size += len(piece)
            if size > _LARGEST_ANSWER:
                raise TryLater(f"{host}: an answer of over 64 MB was not read", kind="answer_size")
            body.append(piece)
        return b"".join(body)


def after_tag(head: bytes) -> int | None:
    """Return where the text of the element MimeContent begins.  Raises TryLater when it is nowhere in the first megabyte."""
    found = _MIME.search(head)
    if found is None and len(head) > _LONGEST_HEAD:
        raise TryLater("an answer without the message that was asked for was not read", kind="answer_size")
    return found.end() if found else None


def decoded(first: bytes, following: Iterator[bytes], host: str) -> Iterator[bytes]:
    """Decode base64 up to the next tag.  Raises AnswerLost when the answer ends before."""
    rest = b""
    piece: bytes | None = first
    while piece is not None:
        text, tag, _ = piece.partition(b"<")
        rest += b"".join(text.split())
        usable = len(rest) if tag else len(rest) // 4 * 4
        try:
            if usable:
                yield binascii.a2b_base64(rest[:usable])
        except binascii.Error as problem:
            raise TryLater(f"{host}: a message's MIME is no base64", kind="ews_answer") from problem
        rest = rest[usable:]
        if tag:
            for _ in following:  # to the end, so that the line may serve the next request
                pass
            return
        piece = next(following, None)
    raise lost(host, "broke the line in the middle of a message")


class Coded:
    """A request that holds a mail as base64: its bytes in pieces, from the beginning each time that somebody asks for them.

    A file would be read from where another try has left it: requests_ntlm goes back before one of its tries alone.
    """

    def __init__(self, before: bytes, mail: Octets, behind: bytes) -> None:
        self._whole = in_base64(mail, before, behind)

    @classmethod
    def into(cls, request: bytes, mail: Octets) -> Coded:
        """Return a request with the mail in place of the text MIME."""
        before, _, behind = request.partition(f">{MIME}<".encode())
        return cls(before + b">", mail, b"<" + behind)

    def __len__(self) -> int:
        """Return how many bytes they are."""
        return len(self._whole)

    def __iter__(self) -> Iterator[bytes]:
        """Yield them."""
        return pieces_of(self._whole)


def lost(host: str, what: str) -> AnswerLost:
    """Return the error of a line that broke."""
    return AnswerLost(
        f"{host} {what}", kind="connection_lost", mend="Check the server; the next pass tries again.", shared=True
    )
