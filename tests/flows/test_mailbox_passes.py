"""A pass of a mailbox: what it blocks and disposes of, and how the next one goes on where it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.fetched import Fetched, Listed, Wrapper
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Delivered, Delivery, KnownEmail, Link, LinkKind
from email_router.core.mailbox import AfterDelivery, Mailbox, MailboxKind
from email_router.core.mailbox_state import Lease
from tests.fakes import fail
from tests.flows.house import ANN, NOW, SALES, House, mail


def test_trouble_of_a_shared_dependency_moves_no_cursor_and_counts_against_nobody() -> None:
    house = House(mail(1))
    fail(house.crm, "resolve", TryLater("the CRM is away", kind="crm_away", shared=True))

    house.route()

    state = house.states.read(SALES)
    assert (state.failures, state.error_kind) == (0, "crm_away")
    assert house.route().handled == 1


def test_a_refused_login_blocks_the_mailbox_with_a_mend_and_a_request_tests_it_anew() -> None:
    house = House(mail(1))
    fail(house.source, "has_news", MailboxBlocked("login refused", kind="login_refused", mend="Check the password."))

    house.route()
    state = house.states.read(SALES)
    skipped = house.route()
    served = house.route(reason="requested")

    assert state.disabled == NOW
    assert state.blocked_until is not None
    assert timedelta(minutes=54) <= state.blocked_until - NOW <= timedelta(minutes=66)
    assert (state.error_kind, state.error_mend) == ("login_refused", "Check the password.")
    assert skipped.outcome is PassOutcome.BLOCKED
    assert served.handled == 1
    assert house.states.read(SALES).blocked_until is None


def test_a_wake_up_during_a_pass_brings_another_round() -> None:
    house = House(mail(1))
    real = house.crm.deliver

    def interrupted(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        house.crm.deliver = real  # type: ignore[method-assign]  # once
        house.source.put(mail(2))
        assert house.route().outcome is PassOutcome.BUSY
        return real(deliveries, lease)

    house.crm.deliver = interrupted  # type: ignore[method-assign]  # the fake of this test

    house.route()

    assert len(house.crm.activities) == 2


def test_delivered_messages_are_disposed_of_and_a_forward_mailbox_also_of_what_nobody_wanted() -> None:
    house = House()
    forward = Mailbox(
        address="router@contoso.example", kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.DELETE
    )
    source = house.add_mailbox(forward, mail(1, to=ANN), mail(2, to=ANN, sender="stranger@x.example"))
    trusted = Wrapper(ANN, authenticated=True, evidence="dmarc=pass")
    source.wrappers = {0: trusted, 1: trusted}
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<sent@contoso.example>", known)])
    source.messages[0] = mail(1, to=ANN, extra="In-Reply-To: <sent@contoso.example>\r\n")

    house.route("router@contoso.example")

    (email,) = house.crm.activities.values()
    assert email.mailbox == ANN
    assert source.messages == [None, None]


def test_a_pass_that_runs_out_of_time_goes_on_from_a_new_order() -> None:
    house = House(*(mail(number) for number in range(1, 60)))
    house.timing = replace(house.timing, batch_messages=10, page_messages=20)
    real = house.crm.deliver

    def slow(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        house.clock.advance(100)
        return real(deliveries, lease)

    house.crm.deliver = slow  # type: ignore[method-assign]  # the fake of this test
    first = house.route()
    assert 0 < first.handled < 59
    assert [work.reason for work in house.queues.mailboxes] == ["continue"]
    while house.route().handled:
        pass

    assert len(house.crm.activities) == 59


def test_a_page_that_no_pass_comes_to_the_end_of_is_cut_into_short_ones() -> None:
    house = House(*(mail(number) for number in range(1, 60)))
    house.timing = replace(house.timing, batch_messages=5, page_messages=50)
    real, times = house.source.fetch, 0

    def slow(listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        nonlocal times
        times += 1
        house.clock.advance(100)
        return real(listed, limit)

    house.source.fetch = slow  # type: ignore[method-assign]  # the fake of this test
    house.route()
    assert [work.reason for work in house.queues.mailboxes] == ["continue in short pages"]
    while house.queues.mailboxes and times < 30:
        house.route(reason=house.queues.mailboxes.pop().reason)

    assert len(house.crm.activities) == 59
    assert times <= 3 + 12  # what the first pass fetched once more, and each page once
