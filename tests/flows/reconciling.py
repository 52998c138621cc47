"""A mailbox compared as a whole: the order to do it, the proof that comes of it, and a mailbox in which mail was lost."""

from __future__ import annotations

from datetime import timedelta

from email_router.core.flows.accounting import Fate
from email_router.core.flows.reconcile import Proof
from email_router.core.flows.route_mailbox import PassSummary, RouteMailbox
from email_router.core.work import RECONCILE_NOW, MailboxWork
from tests.flows.house import SALES, House


def reconciled(house: House, mailbox: str = SALES, *, after: str = "", reason: str = RECONCILE_NOW) -> PassSummary:
    work = MailboxWork("contoso", mailbox, reason, after)
    return RouteMailbox(house.incoming()).route(work, house.clock.now() + timedelta(seconds=240))


def proof_of(house: House, mailbox: str = SALES) -> Proof:
    summary = reconciled(house, mailbox)
    assert summary.error is None
    assert summary.proof is not None
    return summary.proof


def fates(house: House) -> dict[Fate, int]:
    return {fate: count for fate, count in proof_of(house).fates.items() if count}


def lose(house: House, number: int, raw: bytes) -> None:
    """Let a message lie where the listing has passed already, as after a move out of the folder and back."""
    house.source.messages[number] = raw


def with_hole(*messages: bytes) -> House:
    """A mailbox whose first place was empty when it was listed."""
    house = House(b"", *messages)
    house.source.messages[0] = None
    house.route()
    return house
