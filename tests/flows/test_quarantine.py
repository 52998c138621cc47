"""A message that cannot be read, delivered or trusted is kept and can be retried, and the others go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from email_router.core.errors import MessageRefused
from email_router.core.fetched import Wrapper
from email_router.core.flows import undeliverable
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox import Mailbox, MailboxKind
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from tests.fakes import fail
from tests.flows.house import SALES, House, mail


def test_a_message_that_the_crm_refuses_waits_for_another_try_and_does_not_block_the_others() -> None:
    house = House(mail(1), mail(2), mail(3))
    real = house.crm.deliver

    def picky(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        if any(one.activity.message_id == "<m2@fabrikam.example>" for one in deliveries):
            raise MessageRefused("the CRM refuses this message", kind="validation")
        return real(deliveries, lease)

    house.crm.deliver = picky  # type: ignore[method-assign]  # the fake of this test
    house.route()
    assert sorted(one.message_id or "" for one in house.crm.activities.values()) == [
        "<m1@fabrikam.example>",
        "<m3@fabrikam.example>",
    ]
    (waiting,) = house.states.retries(SALES, None, 10)
    assert waiting.attempts == 1

    house.crm.deliver = real  # type: ignore[method-assign]  # mended
    house.clock.advance(301)
    house.route()

    assert len(house.crm.activities) == 3
    assert house.states.retries(SALES, None, 10) == []


def test_a_message_that_is_refused_again_and_again_ends_in_quarantine_and_can_be_retried_by_hand() -> None:
    house = House(mail(1))
    house.configure(profile=replace(house.profile, maximum_attempts=2))
    fail(
        house.crm,
        "deliver",
        MessageRefused("the CRM refuses this message", kind="validation", mend="Shorten it."),
        times=4,
    )
    house.route()
    house.clock.advance(301)
    house.route()
    (entry,) = house.quarantine.entries()
    assert (entry.reason, entry.mend) == ("undelivered", "Shorten it.")
    assert house.blobs.get(entry.blob) == mail(1)

    mailbox = undeliverable.retry(entry, house.states, house.quarantine, house.clock)
    house.route(mailbox)

    assert len(house.crm.activities) == 1
    assert house.quarantine.entries() == []


def test_bytes_that_are_no_mail_are_quarantined_with_their_bytes() -> None:
    house = House(b"", b"\x00\x01\x02", mail(3))

    house.route()

    entries = house.quarantine.entries()
    assert {entry.reason for entry in entries} == {"unreadable"}
    assert sorted(house.blobs.get(entry.blob) for entry in entries) == [b"", b"\x00\x01\x02"]
    assert len(house.crm.activities) == 1
    assert house.meters.counts["IncomingMessagesPotentiallyCorrupted"] == 2


def test_a_message_over_the_limit_becomes_an_activity_of_its_header_with_the_raw_mail_kept() -> None:
    raw = mail(1, text="x" * 50_000)
    house = House(raw)
    house.configure(profile=replace(house.profile, maximum_message_size=10_000))

    house.route()

    (email,) = house.crm.activities.values()
    assert email.subject == "An order"
    assert "headers only" in email.flags
    assert house.blobs.get(email.raw or "") == raw


def test_a_message_that_ends_its_worker_is_set_aside_at_the_third_mark_and_the_mailbox_goes_on() -> None:
    house = House(mail(1), mail(2, subject="killer"), mail(3))
    good = house.parse

    def deadly(raw: bytes) -> Message:
        if b"killer" in raw:
            raise SystemExit(9)
        return good(raw)

    house.parse = deadly
    for _ in range(3):
        with pytest.raises(SystemExit):
            house.route()
        house.clock.advance(400)

    house.route()

    assert sorted(one.message_id or "" for one in house.crm.activities.values()) == [
        "<m1@fabrikam.example>",
        "<m3@fabrikam.example>",
    ]
    (entry,) = house.quarantine.entries()
    assert house.blobs.get(entry.blob) == mail(2, subject="killer")
    assert entry.message_id == "<m2@fabrikam.example>"


def test_a_wrapper_that_is_not_trusted_is_quarantined_until_somebody_vouches_for_it() -> None:
    house = House()
    forward = Mailbox(address="router@contoso.example", kind=MailboxKind.FORWARD, incoming="in")
    source = house.add_mailbox(forward, mail(1, to=SALES))
    source.wrappers = {0: Wrapper(SALES, authenticated=False, evidence="no Authentication-Results")}
    house.route("router@contoso.example")
    (entry,) = house.quarantine.entries()
    assert (entry.reason, entry.mailbox) == ("untrusted_wrapper", "router@contoso.example")
    assert house.crm.activities == {}

    undeliverable.retry(entry, house.states, house.quarantine, house.clock)
    house.route("router@contoso.example")

    (email,) = house.crm.activities.values()
    assert email.mailbox == SALES
