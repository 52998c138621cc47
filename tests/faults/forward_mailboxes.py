"""Forward mailboxes: wrapped mail of several users, forged, given up, or not given by the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from email_router.core.fetched import Fetched, Listed, Wrapper
from email_router.core.mailbox import Accept, AfterDelivery, Mailbox, MailboxKind
from tests.faults.mailroom import Mailroom
from tests.faults.troubled_mailboxes import moving_aside, refuse
from tests.flows.house import ANN, SALES, mail
from tests.memory.source import MemorySource

FORWARD = "router@contoso.example"


def forwarding(*wrapped: tuple[bytes, Wrapper]) -> Mailroom:
    house = Mailroom()
    box = Mailbox(address=FORWARD, kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.DELETE)
    source = house.add_mailbox(box, *(raw for raw, _ in wrapped))
    source.wrappers = {number: wrapper for number, (_, wrapper) in enumerate(wrapped)}
    return house


def trusted(sender: str = SALES) -> Wrapper:
    return Wrapper(sender, authenticated=True, evidence="dmarc=pass")


_FORGED = Wrapper(SALES, authenticated=False, evidence="no Authentication-Results")


def forward() -> Mailroom:
    return forwarding(
        (mail(1), trusted()),
        (mail(2, to=ANN), trusted(ANN)),
        (mail(3), _FORGED),
        (mail(3, text="other words"), _FORGED),
    )


def forward_for_two() -> Mailroom:
    """One mail that two users forward, refused for both at first, in pages of one."""
    house = forwarding((mail(1), trusted()), (mail(1), trusted(ANN)), (mail(2), trusted()))
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    house.timing = replace(house.timing, page_messages=1)
    refuse(house, 1, times=4)
    house.route(FORWARD)
    house.clock.advance(301)
    return house


def forward_together() -> Mailroom:
    """One mail that two users forward, in one page."""
    house = forwarding((mail(1), trusted()), (mail(1), trusted(ANN)))
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    return house


def forward_given_up() -> Mailroom:
    house = forwarding((mail(1), trusted()))
    house.configure(profile=replace(house.profile, maximum_attempts=1))
    refuse(house, 1)
    house.route(FORWARD)
    return house


def forged() -> Mailroom:
    house = forwarding((mail(1), _FORGED))
    house.route(FORWARD)
    return house


def moving_forward() -> Mailroom:
    house = moving_aside(forwarding((mail(1), _FORGED), (mail(2), trusted())))
    house.sources[FORWARD].wrappers = {0: _FORGED, 1: trusted()}
    return house


def ungiven() -> Mailroom:
    """A message that the server lists and will not give, in a forward mailbox."""

    class Sullen(MemorySource):
        def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
            for one in super().fetch(listed, limit):
                yield Fetched(source_id=one.source_id, raw=b"", size=one.size, complete=False, wrapper=trusted())

    house = forwarding((mail(1), trusted()))
    house.sources[FORWARD] = Sullen(mail(1))
    return house


def forwarded_too() -> Mailroom:
    """A mail in a user's own mailbox and, under the same source id, in the forward mailbox."""
    house = forwarding((mail(1), trusted()))
    house.sources[SALES].put(mail(1))
    return house
