"""Mailboxes in trouble: mail that the CRM refuses, that ends its worker, goes aside or was lost, and workers that come to no end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from email_router.core.errors import MessageRefused
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from email_router.core.work import RECONCILE_NOW, MailboxWork
from tests.faults.mailboxes import deleting, in_small_pages, over_limit
from tests.faults.mailroom import Mailroom, known_mails
from tests.faults.seam import Killed
from tests.flows.house import NOW, SALES, House, mail


def refuse(house: House, *numbers: int, times: int = 2) -> None:
    """Let the CRM refuse the mails of these numbers so many times each (a group and the mail alone count one each)."""
    real = house.crm.deliver
    left = {f"<m{number}@fabrikam.example>": times for number in numbers}

    def picky(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        for one in deliveries:
            if left.get(one.activity.message_id or "", 0) > 0:
                left[one.activity.message_id or ""] -= 1
                raise MessageRefused("the CRM refuses this message", kind="validation")
        return real(deliveries, lease)

    house.crm.deliver = picky  # type: ignore[method-assign]  # the fake of this scenario


def retry_due() -> Mailroom:
    house = deleting(mail(1), mail(2))
    refuse(house, 2)
    house.route()
    house.clock.advance(301)
    return house


def large_retry_due() -> Mailroom:
    house = over_limit()
    refuse(house, 1)
    house.route()
    house.clock.advance(301)
    return house


def given_up() -> Mailroom:
    house = deleting(mail(1), mail(2))
    house.configure(profile=replace(house.profile, maximum_attempts=2))
    refuse(house, 2, times=10_000)
    house.route()
    house.clock.advance(301)
    return house


def killer(house: Mailroom) -> Mailroom:
    def deadly(raw: bytes) -> Message:
        if b"killer" in raw:
            raise Killed
        return known_mails(raw)

    house.parse = deadly
    return house


def retry_that_kills() -> Mailroom:
    house = deleting(mail(1), mail(2, subject="killer"))
    refuse(house, 2)
    house.route()
    house.clock.advance(301)
    return killer(house)


def after_a_crash() -> Mailroom:
    house = deleting(mail(1), mail(2), mail(3))
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))
    house.clock.advance(400)
    return house


def being_served() -> Mailroom:
    house = deleting(mail(1))
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))
    return house


def slow_crm() -> Mailroom:
    """Every delivery takes so long that the time of a pass is soon over."""
    house = in_small_pages()
    real = house.crm.deliver

    def slow(deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        house.clock.advance(130)
        return real(deliveries, lease)

    house.crm.deliver = slow  # type: ignore[method-assign]  # the fake of this scenario
    return house


def set_aside() -> Mailroom:
    house = Mailroom(b"\x00\x01", mail(2))
    house.route()
    return house


def moving_aside(house: Mailroom) -> Mailroom:
    """Quarantined messages go to the folder "Undeliverable"."""
    house.configure(profile=replace(house.profile, move_undelivered=True))
    house.configuration = replace(house.configuration, profiles=(house.profile,))
    return house


def lost(house: Mailroom, *messages: bytes) -> Mailroom:
    """Messages that the listing has passed: moved out of the folder and back, or told of by nobody."""
    for _ in messages:
        house.source.messages.insert(0, None)
    house.route()
    house.source.messages[: len(messages)] = messages
    return house


def compare(house: Mailroom) -> object:
    """Let the mailbox be compared with the ledger, as a person asks for it."""
    house.unproven = True
    work = MailboxWork("contoso", SALES, RECONCILE_NOW)
    summary = RouteMailbox(house.incoming()).route(work, house.clock.now() + timedelta(seconds=240))
    house.unproven = summary.proof is None or not summary.proof.done
    return summary
