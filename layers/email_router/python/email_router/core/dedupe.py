"""Name a message by what stays the same in every mailbox that holds a copy of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from email_router.core.message import Message

_WELL_FORMED = re.compile(r'<((?:[^\s<>@"\\]|"(?:[^"\\]|\\.)*+")++)@([^\s<>@"]++)>')
_PIECE = 1024 * 1024
_COMMENT = re.compile(r"\([^()]*+\)")


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What tells one message from another; all digests are SHA-256 in hexadecimal.

    `key` names the message within an organisation.  Two messages with one key are the same when `identity` (From and Date) agrees;
    `content` (decoded text and attachments) only tells whether their copies differ.  `has_id` tells that `key` rests on a Message-ID.
    """

    key: str
    identity: str
    has_id: bool
    content: str


def message_key(message: Message, direction: str) -> MessageKey:
    """Return the key of a message; `direction` is "incoming" or "outgoing".

    It rests on the normalised Message-ID, or without one on From, Date, To, Subject, text and decoded attachments: never on Received,
    boundaries or encodings, in which copies of one message differ.
    """
    known = normalised_id(message.message_id)
    who, when = _author(message), message.date.isoformat() if message.date else ""
    text = _single_blanks(message.text)
    attached = sorted(one.sha256 for one in message.attachments)
    if known:
        key = _digest((direction, "id", known))
    else:
        people = sorted(one.key for one in message.to)
        words = (
            text if who and when else f"{text} {message.html}"
        )  # so little is known that a link's target may be all that differs
        key = _digest((direction, "content", who, when, *people, message.subject, words, *attached))
    return MessageKey(
        key, _digest((who, when)), known is not None, _digest((message.subject, text, message.html, *attached))
    )


def raw_key(raw: bytes, direction: str) -> MessageKey:
    """Return the key of bytes in which nothing can be read: they themselves."""
    own = _digest((direction, "raw", hashlib.sha256(raw).hexdigest()))
    return MessageKey(own, own, has_id=False, content=own)


def collision_key(key: MessageKey) -> str:
    """Return the key of a message whose id is taken by another one: that of the id together with its own From and Date."""
    return _digest((key.key, key.identity))


def normalised_id(message_id: str | None) -> str | None:
    """Return a Message-ID as ids are compared: no blanks or comments, the domain in lower case, the local part as it is.

    None when there is no well-formed <local@domain> (RFC 5322 3.6.4).
    """
    bare = _COMMENT.sub("", "".join((message_id or "").split()))
    found = _WELL_FORMED.fullmatch(bare)
    return f"<{found[1]}@{found[2].lower()}>" if found else None


def _author(message: Message) -> str:
    """Return the From address, or the field as it stands when it names nobody for sure."""
    return message.author.key if message.author else (message.header("from") or "").strip()


def _single_blanks(text: str) -> str:
    """Return the text with single blanks, in pieces: the words of a large text would take ten times its memory."""
    pieces: list[str] = []
    for at in range(0, len(text), _PIECE):
        piece = text[at : at + _PIECE]
        words = " ".join(piece.split())
        if words:
            if pieces and (piece[0].isspace() or text[at - 1].isspace()):
                pieces.append(" ")
            pieces.append(words)
    return "".join(pieces)


def _digest(values: Iterable[str]) -> str:
    """Return the digest of the values with their borders: ("a", "bc") is not ("ab", "c")."""
    digest = hashlib.sha256()
    for value in values:
        content = value.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()
