"""What a test of access sees, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Fetched, Listed, Page, Position
from email_router.core.flows.access import SUBJECT, Waiting, end_of, find, read, send_to_itself
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail
from email_router.core.parse import parse
from tests.flows.house import NOW, SALES, House, mail
from tests.memory.sender import MemorySender
from tests.memory.source import MemorySource


@pytest.mark.parametrize(
    ("count", "seen"),
    [
        (0, "logged in; no message in the folder"),
        (1, "logged in; 1 message, the first can be read"),
        (3, "logged in; 3 messages, the first can be read"),
        (30, "logged in; 25 or more messages, the first can be read"),
    ],
)
def test_what_lies_in_the_folder_is_told(count: int, seen: str) -> None:
    source = MemorySource(*(mail(number) for number in range(count)))

    assert read(source) == seen
    assert (source.disposed, source.aside) == ([], [])


def test_a_message_that_cannot_be_read_is_the_mailboxs_error() -> None:
    class Unreadable(MemorySource):
        def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
            raise MailboxBlocked("no right to read", kind="access_denied")

    with pytest.raises(MailboxBlocked, match="no right to read"):
        read(Unreadable(mail()))


def test_the_test_mail_goes_from_the_mailbox_to_itself() -> None:
    sender = MemorySender()

    send_to_itself(sender, "contoso", SALES, "test-1", NOW)

    ((envelope, composed),) = sender.sent
    assert (envelope.sender, envelope.recipients) == (SALES, (SALES,))
    message = parse(composed)
    assert (message.subject, message.message_id) == (SUBJECT, f"<test-1@{SALES.partition('@')[2]}>")
    assert message.author is not None
    assert message.author.address == SALES


@pytest.mark.parametrize("auto_reply", list(AutomaticMail))
def test_no_activity_is_made_of_the_test_mail_when_it_is_fetched(auto_reply: AutomaticMail) -> None:
    sender = MemorySender()
    send_to_itself(sender, "contoso", SALES, "test-1", NOW)
    house = House(sender.sent[0][1], auto_reply=auto_reply)

    assert house.route().outcome is PassOutcome.ROUTED
    assert house.crm.activities == {}
    (trace,) = house.ledger.traces_since(NOW.replace(year=2000))
    assert trace.outcome is Outcome.IGNORED


class Watch:
    """A clock that only waiting moves; `comes` is what arrives in the mailbox while somebody waits, by the second."""

    def __init__(self, source: MemorySource, comes: dict[float, bytes] | None = None) -> None:
        self.source, self.comes = source, dict(comes or {})
        self.now = 0.0
        self.slept: list[float] = []

    def seconds(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        for at in [at for at in self.comes if at <= self.now]:
            self.source.put(self.comes.pop(at))

    def waiting(self, most: float = 60.0) -> Waiting:
        return Waiting(most, self.seconds, self.sleep)


def _test_mail(test: str = "test-1", organisation: str = "contoso") -> bytes:
    sender = MemorySender()
    send_to_itself(sender, organisation, SALES, test, NOW)
    return bytes(sender.sent[0][1])


def test_the_mail_is_found_among_what_came_since_and_the_pauses_grow() -> None:
    source = MemorySource(*(mail(number) for number in range(3)), _test_mail("test-0"))
    after = end_of(source)
    watch = Watch(source, {2.0: mail(9), 7.0: _test_mail()})

    assert find(lambda: source, after, "contoso", "test-1", watch.waiting())

    assert watch.slept == [1.0, 1.5, 2.25, 3.375]  # 8.125 seconds: it lay there after 7
    assert source.closed == len(watch.slept) + 1  # a source for each look, and none is left open
    assert (source.disposed, source.aside) == ([], [])


def test_a_mail_that_does_not_come_is_looked_for_so_long_and_no_longer_with_ten_seconds_between_at_most() -> None:
    source = MemorySource(mail())
    watch = Watch(source, {60.5: _test_mail()})

    assert not find(lambda: source, end_of(source), "contoso", "test-1", watch.waiting())

    assert sum(watch.slept) == 60.0
    assert max(watch.slept) == 10.0


def test_without_waiting_it_is_looked_for_once() -> None:
    source = MemorySource(_test_mail())
    watch = Watch(source)

    assert find(lambda: source, Position(), "contoso", "test-1", watch.waiting(0))
    assert not find(lambda: source, Position(), "contoso", "test-2", watch.waiting(0))
    assert watch.slept == []


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        (_test_mail().replace(b"<test-1@", b"<0102018f@"), True),  # Amazon SES gives an id of its own
        (_test_mail().replace(b"X-EmailRouter: contoso", b"X-Other: contoso"), True),  # a relay took the mark away
        (_test_mail().replace(b"<test-1@", b"<other@").replace(b"access-test-test-1", b"access-test-test-2"), False),
        (_test_mail(organisation="fabrikam").replace(b"<test-1@", b"<other@"), False),
        (mail(subject=SUBJECT), False),
    ],
)
def test_it_is_known_by_its_mark_or_its_id_and_never_by_its_subject(raw: bytes, *, known: bool) -> None:
    assert raw != _test_mail()
    source = MemorySource(raw)

    assert find(lambda: source, Position(), "contoso", "test-1", Watch(source).waiting(0)) is known


def test_what_passes_costs_a_look_and_is_told_where_it_lasts() -> None:
    source = MemorySource()
    watch, troubles = Watch(source, {3.0: _test_mail()}), 2

    def opened() -> MemorySource:
        nonlocal troubles
        troubles -= 1
        if troubles >= 0:
            raise TryLater("in use", kind="in_use")
        return source

    assert find(opened, Position(), "contoso", "test-1", watch.waiting())

    troubles = 1000
    with pytest.raises(TryLater, match="in use"):
        find(opened, Position(), "contoso", "test-2", Watch(source).waiting())


def test_what_will_not_pass_ends_the_looking_at_once() -> None:
    class Locked(MemorySource):
        def pages(self, position: Position, page_size: int) -> Iterator[Page]:
            raise MailboxBlocked("no right to read", kind="access_denied")

    source = Locked()
    watch = Watch(source)
    with pytest.raises(MailboxBlocked, match="no right"):
        find(lambda: source, Position(), "contoso", "test-1", watch.waiting())

    assert (watch.slept, source.closed) == ([], 1)


def test_what_was_looked_at_once_is_not_fetched_again() -> None:
    class Counting(MemorySource):
        fetched: ClassVar[list[str]] = []

        def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
            self.fetched.extend(one.source_id for one in listed)
            return super().fetch(listed, limit)

    source = Counting(mail(1))
    watch = Watch(source, {1.0: mail(2), 2.0: _test_mail()})

    assert find(lambda: source, end_of(source), "contoso", "test-1", watch.waiting())
    assert source.fetched == ["1", "2"]
