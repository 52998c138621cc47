"""The same mailbox, the same crash, the same CRM: the incoming road over every kind of source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from email_router.core.fetched import Position
from email_router.core.flows.accounting import Fate
from email_router.core.flows.reconcile import Proof
from email_router.core.flows.route_mailbox import PassOutcome, RouteMailbox
from email_router.core.mailbox import AfterDelivery, Mailbox, Profile
from email_router.core.work import RECONCILE_NOW, MailboxWork
from email_router.edge.connect.https import hang_up
from tests.contracts.houses import BUSY, FORGETFUL, HOUSES, ONE_OF_EACH, House
from tests.flows.house import NOW, SALES, mail
from tests.flows.house import House as Road
from tests.simulators.cutting import CuttingProxy

MAILS = 5
JUNK = b"\x01\x02 no mail at all\r\n"


class Killed(BaseException):
    """The end of a worker."""


ROADS = (*ONE_OF_EACH, "graph, immutable ids")


@pytest.fixture(params=ROADS)
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """One house of each kind."""
    yield HOUSES[request.param](request)
    hang_up()


def road(house: House, **mailbox: Any) -> Road:
    """The whole road, its inlet the house's mailbox."""
    made = Road(**mailbox)
    made.timing = replace(made.timing, page_messages=2)
    _lead(made, house)
    return made


def _lead(made: Road, house: House, **how: Any) -> None:
    def opened(_profile: Profile, _mailbox: Mailbox) -> Any:
        return house.open(**how)

    made._open = opened  # type: ignore[assignment, method-assign]  # the road's one inlet


def fill(house: House) -> None:
    for number in range(MAILS):
        house.put(mail(number))


def dies(made: Road, monkeypatch: pytest.MonkeyPatch, port: str, method: str, *, after: bool) -> None:
    """Let the next pass die at its first call of a port's method, before it or after it."""
    real: Callable[..., Any] = getattr(getattr(made, port), method)

    def deadly(*given: Any, **named: Any) -> Any:
        if after:
            real(*given, **named)
        raise Killed

    with monkeypatch.context() as while_dying:
        while_dying.setattr(getattr(made, port), method, deadly)
        with pytest.raises(Killed):
            made.route()
    hang_up()
    made.clock.advance(400)


def until_calm(made: Road) -> None:
    for _ in range(6):
        if made.route(reason="requested").outcome is PassOutcome.IDLE and not made.states.retries(SALES, None, 1):
            break
        made.clock.at += timedelta(minutes=10)
    assert made.states.read(SALES).error_kind == ""


def is_as_if_nothing_had_happened(made: Road) -> None:
    """Check that each mail is one activity, and that no message was set aside."""
    ids = sorted(one.message_id or "" for one in made.crm.activities.values())
    assert ids == [f"<m{number}@fabrikam.example>" for number in range(MAILS)]
    assert made.quarantine.entries() == []


def left(house: House, how: AfterDelivery) -> int:
    """How many of the mails lie in the inbox once all were disposed of so."""
    goes = how is AfterDelivery.DELETE or (how is AfterDelivery.MOVE and house.aside is not None)
    return 0 if goes else MAILS


def proof_of(made: Road) -> Proof:
    work = MailboxWork("contoso", SALES, RECONCILE_NOW)
    summary = RouteMailbox(made.incoming()).route(work, made.clock.now() + timedelta(seconds=240))
    assert summary.error is None
    assert summary.proof is not None
    return summary.proof


@pytest.mark.parametrize("how", AfterDelivery)
@pytest.mark.parametrize(
    ("port", "method", "after"),
    [
        ("states", "advance", False),  # between disposal and advance
        ("states", "advance", True),
        ("crm", "deliver", True),  # between delivery and disposal
        ("states", "release", False),
    ],
)
def test_a_crash_at_any_step_makes_each_mail_one_activity_and_disposes_of_each(
    house: House, monkeypatch: pytest.MonkeyPatch, how: AfterDelivery, port: str, method: str, *, after: bool
) -> None:
    made = road(house, after_delivery=how)
    fill(house)

    dies(made, monkeypatch, port, method, after=after)
    until_calm(made)

    is_as_if_nothing_had_happened(made)
    assert house.count() == left(house, how)


@pytest.mark.parametrize("house", [name for name in ROADS if name in FORGETFUL], indirect=True)
def test_a_server_that_loses_its_memory_doubles_nothing_in_the_crm(house: House) -> None:
    assert house.forget is not None
    made = road(house)
    fill(house)
    until_calm(made)

    house.forget()
    until_calm(made)

    is_as_if_nothing_had_happened(made)


def test_a_line_that_is_cut_during_a_pass_loses_and_doubles_nothing(house: House) -> None:
    made = road(house, after_delivery=AfterDelivery.DELETE)
    fill(house)
    with CuttingProxy(house.port) as proxy:
        _lead(made, house, port=proxy.port)
        for said in (200, 1_000, 2_000, 3_000, 4_000, 6_000, 9_000):
            hang_up()
            proxy.cut_after(said)
            made.route(reason="requested")
            made.clock.at += timedelta(minutes=10)
        proxy.mend()
        until_calm(made)
        hang_up()

    assert proxy.cuts >= 2
    is_as_if_nothing_had_happened(made)
    assert house.count() == 0


@pytest.mark.parametrize("house", [name for name in ROADS if name in BUSY], indirect=True)
def test_a_throttled_server_is_left_alone_and_everything_comes_later(house: House) -> None:
    assert house.throttle is not None
    made = road(house)
    fill(house)

    end = house.throttle()
    assert made.route().outcome is PassOutcome.FAILED
    end()
    made.clock.at += timedelta(minutes=10)
    until_calm(made)

    is_as_if_nothing_had_happened(made)


def test_a_message_over_the_limit_is_delivered_by_its_header_and_kept_whole(house: House) -> None:
    made = road(house)
    made.configure(profile=replace(made.profile, maximum_message_size=2_000))
    large = mail(0, text="x" * 70 + "\r\n" + "y" * 5_000)
    house.put(large)
    for number in range(1, MAILS):
        house.put(mail(number))

    until_calm(made)

    is_as_if_nothing_had_happened(made)
    (cut,) = (one for one in made.crm.activities.values() if "headers only" in one.flags)
    assert made.blobs.get(cut.raw or "") == large


def test_a_mailbox_is_proven_message_by_message_and_what_the_listing_missed_is_picked_up(house: House) -> None:
    made = road(house)
    fill(house)
    position = _passed_by(house)
    lease = made.states.lease(SALES, NOW, NOW + timedelta(seconds=1))
    assert lease is not None
    made.states.advance(lease, position, NOW)  # read, it says, and nothing of it was
    made.clock.advance(400)
    assert made.route().outcome is PassOutcome.IDLE
    house.put(JUNK)

    proof = proof_of(made)

    is_picked_up = {fate: count for fate, count in proof.fates.items() if count}
    assert is_picked_up == {Fate.PICKED_UP: MAILS, Fate.QUARANTINED: 1}
    assert len(made.crm.activities) == MAILS
    again = proof_of(made)
    assert (again.messages, again.fates[Fate.DELIVERED], again.picked_up) == (MAILS + 1, MAILS, ())
    assert len(made.crm.activities) == MAILS


def _passed_by(house: House) -> Position:
    source = house.open()
    (*_, last) = source.pages(Position(), 10)
    source.close()
    return last.position


def test_what_cannot_be_delivered_is_moved_once_it_is_kept_and_a_crash_in_between_is_made_good(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = road(house)
    made.configure(profile=replace(house.profile, name="in", move_undelivered=True))
    fill(house)
    house.put(JUNK)

    dies(made, monkeypatch, "ledger", "record", after=True)  # its row stands, and it was not moved
    until_calm(made)

    (entry,) = made.quarantine.entries()
    assert made.blobs.get(entry.blob) == JUNK
    assert len(made.crm.activities) == MAILS
    aside = house.aside() if house.aside else 0
    assert (aside, house.count()) == ((1, MAILS) if house.aside else (0, MAILS + 1))
    until_calm(made)
    proof = proof_of(made)
    assert (proof.messages, proof.picked_up) == (MAILS + 1 - aside, ())
