"""What an outgoing e-mail takes along: attachments that are held, or read from where they lie when their turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol


class Enclosed(Protocol):
    """An attachment to be composed, as core/message.py's is one.  `content` may be read anew each time it is asked for."""

    @property
    def name(self) -> str:
        """The file's name, as a person gave it."""

    @property
    def media_type(self) -> str:
        """Its type, perhaps none that may stand in a header."""

    @property
    def content(self) -> bytes:
        """The decoded bytes; the same ones at each time."""

    @property
    def inline(self) -> bool:
        """Whether it belongs into the text."""

    @property
    def content_id(self) -> str | None:
        """The id by which the HTML names it, without <>."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An attachment that lies elsewhere: read a piece at a time while it is composed, and once more while that is proven.

    `read` yields the decoded bytes; what it raises is raised by who reads.
    """

    name: str
    media_type: str
    inline: bool
    content_id: str | None
    read: Callable[[], Iterable[bytes]] = field(repr=False)

    @property
    def content(self) -> bytes:
        """The decoded bytes, read now."""
        return b"".join(self.read())


def content_of(one: Enclosed) -> Iterable[bytes]:
    """Return the decoded bytes in pieces, of which one at a time is held where they lie elsewhere."""
    return one.read() if isinstance(one, Kept) else (one.content,)
