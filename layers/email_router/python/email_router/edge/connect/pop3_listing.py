"""Name the messages of a POP3 session, tell them apart by digests, and learn what their headers say."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from email_router.core.fetched import Fetched, Inventoried, Listed
from email_router.edge.connect.message_ids import message_id_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.edge.connect.pop3 import Block, Pop3Session

Listing = dict[str, tuple[int, int | None]]
"""Number and size (None where the server tells none) of each message of a session, by name."""

_DIGEST = 8
_HEAD = 64 * 1024
"""What is held of a message when only its header is wanted and the server knows no TOP."""


def named(listing: Sequence[tuple[int, str, int | None]], deleted: set[str]) -> Listing:
    """Give each message a name of its own: its unique id, or "id#2" where an earlier one (listed, or deleted by us) has that."""
    plain = {unique_id for _, unique_id, _ in listing}
    names: Listing = {}
    for number, unique_id, size in listing:
        name, copy = unique_id, 1
        while name in names or name in deleted or (copy > 1 and name in plain):
            copy += 1
            name = f"{unique_id}#{copy}"
        names[name] = (number, size)
    return names


def digest(name: str, size: int | None) -> bytes:
    """Return the 8 bytes that stand for a message in a position."""
    return blake2b(f"{name} {size}".encode(), digest_size=_DIGEST).digest()


def split(cursor: bytes) -> frozenset[bytes]:
    """Return the digests of a position."""
    return frozenset(cursor[at : at + _DIGEST] for at in range(0, len(cursor), _DIGEST))


def inventoried(session: Pop3Session, wanted: Mapping[str, tuple[int, int | None]]) -> Iterator[Inventoried]:
    """Yield what the headers of these messages tell, in a pipeline: by TOP, or by RETR where the server does not know it.

    A message that the server does not give is told without its Message-ID.
    """
    command = b"TOP %d 0" if "TOP" in session.capabilities() else b"RETR %d"
    blocks = session.blocks([command % number for number, _ in wanted.values()], _HEAD)
    for (name, (_, size)), block in zip(wanted.items(), blocks, strict=True):
        if block.refusal is not None and session.temporary(block.refusal):
            raise session.trouble("TOP", block.refusal)
        yield Inventoried(name, message_id_in(block.body), size)


def vanished(listed: Listed) -> Fetched:
    """Return what is told of a message that was listed and is gone."""
    return Fetched(source_id=listed.source_id, raw=b"", size=listed.size or 0, vanished=True)


def over(size: int | None, limit: int) -> bool:
    """Tell whether a message is known to be over the limit."""
    return size is not None and size > limit


def fetched(listed: Listed, size: int | None, block: Block, *, whole: bool) -> Fetched:
    """Return the message that a block holds."""
    return Fetched(source_id=listed.source_id, raw=block.body, size=size or len(block.body), complete=whole)
