"""Unwrap what any source yields from a forward mailbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position, Wrapper
from email_router.core.forward import authenticated, unwrap
from email_router.core.mailbox import AfterDelivery, Profile
from email_router.core.message import Message
from email_router.core.ports import MailSource


class ForwardSource:
    """A source whose messages are the mails that inbox rules forwarded as attachments.

    Listing, positions and disposal are those of the source within; it is repeatable as that one is and leaves
    nothing behind.  A message without exactly one attached mail comes as it is, its wrapper marked as not found.
    `stream` yields the message with its wrapper.
    """

    kind = "forward"

    def __init__(self, source: MailSource, profile: Profile, parse: Callable[[bytes], Message]) -> None:
        self._source = source
        self._profile = profile
        self._parse = parse

    def has_news(self, position: Position) -> bool:
        """Tell whether the mailbox may hold messages beyond `position`."""
        return self._source.has_news(position)

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List the messages beyond `position`, oldest first."""
        return self._source.pages(position, page_size)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Yield each listed message's inner mail with its wrapper, in order."""
        for fetched in self._source.fetch(listed, limit):
            yield fetched if fetched.vanished else self._unwrapped(fetched)

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield the whole message with its wrapper, in pieces."""
        return self._source.stream(source_id)

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark, move or delete these messages.  Repeatable."""
        self._source.dispose(source_ids, how)

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List every message; the Message-ID that the server tells is the wrapper's, so that none is told of the mail within."""
        for page in self._source.inventory(page_size):
            yield tuple(replace(one, message_id=None) for one in page)

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Move these messages to the folder "Undeliverable" where there are folders.  Repeatable."""
        self._source.set_aside(source_ids)

    def suspects(self) -> bool:
        """Tell whether the source within doubts its listing."""
        return self._source.suspects()

    def position(self) -> Position | None:
        """Return a newer position that was learned while nothing was new, or None."""
        return self._source.position()

    def close(self) -> None:
        """End the session politely; never raises."""
        self._source.close()

    def _unwrapped(self, fetched: Fetched) -> Fetched:
        """Return the inner mail.  Of a message over the limit there is only the header, and nothing in it."""
        if fetched.complete:
            inner, wrapper = unwrap(fetched.raw, self._parse, self._profile)
            return replace(fetched, raw=fetched.raw if inner is None else inner, wrapper=wrapper)
        message = self._parse(fetched.raw)
        sure, evidence = authenticated(message, fetched.raw, self._profile)
        sender = message.author.address if message.author else ""
        seen = f"over the size limit, so the attached message was not read; {evidence}"
        return replace(fetched, wrapper=Wrapper(sender, sure, seen, found=False))
