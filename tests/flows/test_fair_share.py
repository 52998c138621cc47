"""Who writes to thousands delays nobody else's letter, and a rate delays instead of failing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.fair_share import shares
from email_router.core.mailbox import Mailbox
from email_router.core.write_back import WriteBack
from tests.flows.house import ANN, SALES
from tests.flows.office import ERIN, Office

OTHERS = ("bob@contoso.example", "cy@contoso.example", "dan@contoso.example")


def office(server: str = "smtp", **rates: int | str) -> Office:
    made = Office(server)
    profile = replace(made.configuration.profiles[0], **rates)  # type: ignore[arg-type]  # fields by name
    people = tuple(Mailbox(address=address, outgoing="out") for address in (ANN, *OTHERS))
    boxes = (*made.configuration.mailboxes, *people)
    made.configuration = replace(made.configuration, profiles=(profile,), mailboxes=boxes)
    return made


def write(at: Office, sender: str, count: int) -> None:
    for number in range(count):
        name = f"{sender.partition('@')[0]}-{number:05d}"
        at.write(name, parties=(Party(Role.FROM, sender), Party(Role.TO, ERIN)))


def queued(at: Office) -> dict[str, int]:
    found: dict[str, int] = {}
    for order in at.queues.outgoing:
        found[order.sender] = found.get(order.sender, 0) + len(order.activities)
    return found


def test_ten_thousand_e_mails_of_one_sender_do_not_delay_the_one_of_another() -> None:
    at = office()
    write(at, SALES, 10_000)
    write(at, OTHERS[2], 1)  # written last, and last by its id, too

    at.collect()

    senders = [order.sender for order in at.queues.outgoing]
    assert senders.index(OTHERS[2]) <= 1  # the first or second order of the queue
    assert queued(at) == {SALES: 1_999, OTHERS[2]: 1}


def test_every_tick_serves_newcomers_first_while_the_ten_thousand_go_on() -> None:
    at = office()
    write(at, SALES, 10_000)
    left = []

    for tick in range(6):
        write(at, OTHERS[0], tick + 1)  # one more each minute
        at.queues.outgoing.clear()
        at.collect()
        assert at.queues.outgoing[0].sender == OTHERS[0] or at.queues.outgoing[1].sender == OTHERS[0]
        assert queued(at)[OTHERS[0]] == 1
        left.append(queued(at).get(SALES, 0))
        at.clock.advance(60)
        for name in [one for one, email in at.crm.activities.items() if email.status is EmailStatus.PENDING]:
            if name in {activity for order in at.queues.outgoing for activity in order.activities}:
                at.crm.write_back(WriteBack(activity=name, status=EmailStatus.SENT))

    assert sum(left) == 10_000  # nothing is left out, nothing waits longer than its share


def test_a_senders_rate_lets_no_more_leave_in_a_minute_and_fails_nothing() -> None:
    at = office(sender_rate=7)
    write(at, SALES, 30)
    sent: list[int] = []

    for _ in range(6):
        at.collect()
        orders, at.queues.outgoing = at.queues.outgoing, []
        for order in orders:
            at.carry_out(order)
        sent.append(len(at.sender.sent) - sum(sent))
        at.clock.advance(60)

    assert sent == [7, 7, 7, 7, 2, 0]
    assert {email.attempts for email in at.crm.activities.values()} == {1}
    assert {email.status for email in at.crm.activities.values()} == {EmailStatus.SENT}


def test_a_profiles_rate_is_shared_among_its_senders() -> None:
    at = office(profile_rate=100)
    write(at, SALES, 500)
    write(at, ANN, 3)
    for other in OTHERS:
        write(at, other, 40)

    at.collect()

    assert sum(queued(at).values()) == 100
    assert queued(at)[ANN] == 3
    assert {queued(at)[one] for one in (SALES, *OTHERS)} <= {24, 25}


def test_exchange_online_bounds_a_mailbox_whatever_the_profile_says() -> None:
    at = office("exchange-online", sender_rate=500)
    write(at, SALES, 100)

    at.collect()

    assert queued(at) == {SALES: 30}


@pytest.mark.parametrize("access", ["delegate", "impersonation"])
def test_senders_whose_mail_leaves_through_one_mailbox_share_its_thirty_a_minute(access: str) -> None:
    at = office("exchange-online", protocol="graph", access=access, username="Router@contoso.example")
    for sender in (SALES, ANN, OTHERS[0]):
        write(at, sender, 30)
    left = []

    for _ in range(4):
        at.collect()
        orders, at.queues.outgoing = at.queues.outgoing, []
        left.append({order.sender: len(order.activities) for order in orders})
        for order in orders:
            at.carry_out(order)
        at.clock.advance(61)

    assert left == [*[{SALES: 10, ANN: 10, OTHERS[0]: 10}] * 3, {}]
    assert {email.status for email in at.crm.activities.values()} == {EmailStatus.SENT}


def test_the_mailbox_that_others_send_through_counts_its_own_e_mails_too() -> None:
    at = office("exchange-online", protocol="graph", access="delegate", username=SALES)
    through = at.configuration.profiles[0]
    own = replace(through, name="own", access="own", username="")
    boxes = [replace(one, outgoing="own") if one.address == SALES else one for one in at.configuration.mailboxes]
    at.configuration = replace(at.configuration, profiles=(through, own), mailboxes=tuple(boxes))
    for sender in (SALES, ANN):
        write(at, sender, 40)

    assert at.collect() == 30
    assert queued(at) == {SALES: 15, ANN: 15}


@pytest.mark.parametrize(("protocol", "access"), [("graph", "own"), ("ews", "impersonation")])
def test_senders_with_their_own_mailboxes_have_thirty_each(protocol: str, access: str) -> None:
    at = office("exchange-online", protocol=protocol, access=access, username="router@contoso.example")
    for sender in (SALES, ANN):
        write(at, sender, 40)

    at.collect()

    assert queued(at) == {SALES: 30, ANN: 30}


@given(st.integers(0, 500), st.dictionaries(st.text(max_size=3), st.integers(0, 300), max_size=12))
def test_shares_never_exceed_quota_or_wish_and_leave_nothing_while_anybody_wants(
    quota: int, wanted: dict[str, int]
) -> None:
    given_out = shares(quota, wanted)

    assert given_out.keys() == wanted.keys()
    assert all(0 <= given_out[name] <= wanted[name] for name in wanted)
    assert sum(given_out.values()) == min(quota, sum(wanted.values()))
    least = min((given_out[name] for name in wanted if given_out[name] < wanted[name]), default=0)
    assert all(given_out[name] <= least + 1 for name in wanted) if least or sum(wanted.values()) > quota else True


@pytest.mark.parametrize("count", [1, 200, 201, 2_000])
def test_a_sender_alone_has_the_whole_tick(count: int) -> None:
    at = office()
    write(at, SALES, count)

    assert at.collect() == count
    assert max(len(order.activities) for order in at.queues.outgoing) <= 200
