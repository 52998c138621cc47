"""A forward mailbox, read through any source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.mailbox import AfterDelivery, Direction, Profile
from email_router.core.parse import parse
from email_router.core.ports import MailSource
from email_router.edge.sources.forward import ForwardSource
from tests.core.test_forward import INNER, PROOF, wrap

PROFILE = Profile(name="in", direction=Direction.INCOMING, server="pop3", authserv_id="mx.contoso.example")
CAME = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLAIN = b"From: eve@evil.example\r\nSubject: not wrapped\r\n\r\nHello\r\n"


@dataclass
class MemorySource:
    """A source of messages in memory that notes what was done to it."""

    messages: dict[str, Fetched]
    kind: str = "memory"
    disposed: list[tuple[tuple[str, ...], AfterDelivery]] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    suspected: bool = False
    closed: bool = False

    def has_news(self, position: Position) -> bool:
        return position != self.position()

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        yield Page(tuple(map(Listed, list(self.messages)[:page_size])), self.position(), last=True)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        for one in listed:
            yield self.messages[one.source_id]

    def stream(self, source_id: str) -> Iterator[bytes]:
        yield self.messages[source_id].raw

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        self.disposed.append((tuple(source_ids), how))

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        rows = [Inventoried(name, f"<wrapper-{name}@contoso.example>", 5, CAME) for name in self.messages]
        for start in range(0, len(rows), page_size):
            yield rows[start : start + page_size]

    def set_aside(self, source_ids: Sequence[str]) -> None:
        self.aside += source_ids

    def suspects(self) -> bool:
        return self.suspected

    def position(self) -> Position:
        return Position(mark="end")

    def close(self) -> None:
        self.closed = True


def _message(source_id: str, raw: bytes, *, complete: bool = True, vanished: bool = False) -> Fetched:
    return Fetched(source_id=source_id, raw=raw, size=len(raw), received=CAME, complete=complete, vanished=vanished)


def _opened(*messages: Fetched) -> tuple[MemorySource, MailSource]:
    within = MemorySource({one.source_id: one for one in messages})
    return within, ForwardSource(within, PROFILE, parse)


def _fetched(*messages: Fetched) -> list[Fetched]:
    _, source = _opened(*messages)
    return list(source.fetch([Listed(one.source_id) for one in messages], 1_000_000))


def test_each_message_comes_as_the_mail_within_and_keeps_id_size_and_time() -> None:
    (fetched,) = _fetched(_message("7", wrap(INNER)))

    assert fetched.raw.startswith(b"From: carla@cycling.example")
    assert (fetched.source_id, fetched.size, fetched.received) == ("7", len(wrap(INNER)), CAME)
    assert fetched.wrapper is not None
    assert (fetched.wrapper.sender, fetched.wrapper.authenticated, fetched.wrapper.found) == (
        "ann@contoso.example",
        True,
        True,
    )


def test_what_is_not_wrapped_comes_as_it_is_and_says_so() -> None:
    (fetched,) = _fetched(_message("8", PLAIN))

    assert fetched.raw == PLAIN
    assert fetched.wrapper is not None
    assert (fetched.wrapper.sender, fetched.wrapper.authenticated, fetched.wrapper.found) == (
        "eve@evil.example",
        False,
        False,
    )


def test_of_a_message_over_the_limit_nothing_is_taken_out() -> None:
    head = wrap(INNER).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    (fetched,) = _fetched(_message("9", head, complete=False))

    assert fetched.raw == head
    assert fetched.wrapper is not None
    assert (fetched.wrapper.authenticated, fetched.wrapper.found) == (True, False)
    assert fetched.wrapper.evidence.startswith("over the size limit")


def test_a_message_that_is_gone_has_no_wrapper() -> None:
    (fetched,) = _fetched(_message("1", b"", vanished=True))

    assert fetched.vanished
    assert fetched.wrapper is None


def test_messages_come_in_the_order_in_which_they_were_asked_for() -> None:
    fetched = _fetched(_message("b", wrap(INNER)), _message("a", PLAIN), _message("c", wrap(INNER, head="")))

    assert [one.source_id for one in fetched] == ["b", "a", "c"]
    assert [one.wrapper.authenticated for one in fetched if one.wrapper] == [True, False, False]


def test_a_forged_wrapper_from_outside_is_unwrapped_but_not_believed() -> None:
    inner = PROOF.encode() + INNER

    (fetched,) = _fetched(_message("1", wrap(inner, head="Authentication-Results: mx.contoso.example; dmarc=fail\r\n")))

    assert fetched.wrapper is not None
    assert not fetched.wrapper.authenticated


def test_everything_else_is_the_business_of_the_source_within() -> None:
    within, source = _opened(_message("1", wrap(INNER)), _message("2", PLAIN))

    assert source.kind == "forward"
    assert source.has_news(Position())
    assert not source.has_news(Position(mark="end"))
    assert [one.source_id for page in source.pages(Position(), 1) for one in page.listed] == ["1"]
    assert b"".join(source.stream("1")) == wrap(INNER)
    assert source.position() == Position(mark="end")
    source.dispose(["1", "2"], AfterDelivery.DELETE)
    source.close()
    assert within.disposed == [(("1", "2"), AfterDelivery.DELETE)]
    assert within.closed


def test_an_inventory_tells_of_no_wrapper_s_id_and_of_all_else() -> None:
    _, source = _opened(*(_message(name, wrap(INNER)) for name in "123"))

    pages = list(source.inventory(2))

    assert [[one.source_id for one in page] for page in pages] == [["1", "2"], ["3"]]
    assert {(one.message_id, one.size, one.received) for page in pages for one in page} == {(None, 5, CAME)}


def test_messages_are_set_aside_and_doubts_told_by_the_source_within() -> None:
    within, source = _opened(_message("1", wrap(INNER)))

    source.set_aside(["1"])
    within.suspected = True

    assert within.aside == ["1"]
    assert source.suspects()
