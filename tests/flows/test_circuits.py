"""Trouble that most mailboxes of a server share opens its circuit and disables nobody; one mailbox's own trouble disables that one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from email_router.cli.needs_a_person import needs_a_person
from email_router.core.activity import EmailStatus
from email_router.core.circuits import BEHIND
from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.flows import schedule
from email_router.core.work import PROBE, RESUME, MailboxWork, ScheduledMailbox
from tests.flows.day import MORNING, Day

REFUSED = MailboxBlocked("the login was refused", kind="login_refused", mend="Set the password.")
AWAY = TryLater("no answer", kind="unreachable", shared=True)
STRANGE = TryLater("an answer that nobody expects", kind="unexpected_answer")
PLACE = "incoming memory mail.contoso.example"


def serve(day: Day, *boxes: str, reason: str = "schedule") -> None:
    for one in boxes:
        day.route(MailboxWork("contoso", one, reason))


def opened(day: Day) -> list[str]:
    return [one.place for one in day.circuits.all_open() if one.is_open(day.clock.now())]


def test_a_circuit_opens_with_the_third_of_five_and_a_pass_that_succeeds_closes_it() -> None:
    day = Day()
    day.away = {"open": AWAY}
    serve(day, *day.boxes[:2])
    assert opened(day) == []
    serve(day, day.boxes[2])
    assert opened(day) == [PLACE]
    assert [one.kind for one in day.alerts.all()] == ["circuit_open"]

    day.away = {}
    serve(day, day.boxes[4], reason=PROBE)

    assert opened(day) == []
    assert day.alerts.all() == []
    assert {(one.mailbox, one.reason) for one in day.queues.mailboxes} == {(one, RESUME) for one in day.boxes[:4]}


def test_behind_an_open_circuit_one_mailbox_a_minute_is_tried_and_it_is_another_one_again_and_again() -> None:
    day = Day()
    day.away = {"open": AWAY}
    serve(day, *day.boxes)
    day.opened.clear()

    day.run(60)

    assert sum(day.opened.values()) == 60
    assert min(day.opened[one] for one in day.boxes) > 3


def test_idle_mailboxes_cost_the_circuits_nothing() -> None:
    day = Day()
    day.run(60, every=20)
    day.circuits.reads = day.circuits.writes = 0

    day.run(120, every=30)

    assert (day.circuits.reads, day.circuits.writes) == (0, 0)


def test_those_that_were_disabled_before_the_circuit_opened_go_on_with_the_others() -> None:
    day = Day()
    day.away = {"open": REFUSED}
    serve(day, *day.boxes)
    assert day.disabled() == day.boxes[:2]
    assert [one.kind for one in day.sent_alerts] == ["mailbox_disabled", "circuit_open"]

    day.away = {}
    day.run(2)

    assert day.disabled() == []
    assert day.alerts.all() == []


def test_three_of_five_with_wrong_passwords_are_disabled_and_the_other_two_go_on() -> None:
    day = Day()
    wrong = day.boxes[:3]
    day.broken = dict.fromkeys(wrong, REFUSED)

    day.run(40)
    day.write()
    day.run(16)

    assert day.disabled() == wrong
    assert PLACE not in opened(day)
    assert sum(day.delivered().values()) == 2
    assert {one.about for one in day.alerts.all() if one.kind == "mailbox_disabled"} == set(wrong)
    assert len({one.id for one in day.sent_alerts}) == len(day.sent_alerts)  # each is told once


def test_a_disabled_mailbox_is_tested_hourly_and_enabled_by_the_test_that_passes() -> None:
    day = Day()
    day.broken = {day.boxes[0]: REFUSED}
    day.run(20)
    day.opened.clear()

    day.run(6 * 60)
    assert day.opened[day.boxes[0]] in {5, 6, 7}
    assert [(one.kind, one.about) for one in day.alerts.all()] == [("mailbox_disabled", day.boxes[0])]
    day.broken = {}
    day.run(67)

    assert day.disabled() == []
    assert day.alerts.all() == []
    assert len(day.sent_alerts) == 1


def test_ten_strange_answers_in_a_row_disable_a_mailbox_and_one_good_pass_between_them_starts_anew() -> None:
    day = Day()
    box = day.boxes[0]
    day.broken = {box: STRANGE}
    for _ in range(9):
        serve(day, box)
    day.broken = {}
    serve(day, box)
    day.broken = {box: STRANGE}
    for _ in range(9):
        serve(day, box)
    assert (day.states.read(box).failures, day.disabled()) == (9, [])

    serve(day, box)

    assert (day.states.read(box).failures, day.disabled()) == (10, [box])


def test_what_a_crm_refuses_is_no_mailboxs_own_trouble() -> None:
    day = Day()
    day.write()
    day.away = {"crm": MailboxBlocked("contoso: Dataverse refuses the token", kind="login_refused")}

    serve(day, *day.boxes)

    assert day.disabled() == []
    assert {day.states.read(one).failures for one in day.boxes} == {0}
    assert opened(day) == [BEHIND]
    assert [one.about for one in needs_a_person(day.alerts, day.quarantine, day.states, day.configuration)] == [BEHIND]


def test_a_mailbox_without_mail_does_not_prove_that_the_crm_is_back() -> None:
    day = Day()
    day.write()
    idle = day.boxes[4]
    day.sources[idle].messages.clear()
    day.away = {"crm": AWAY}
    serve(day, *day.boxes)

    serve(day, idle, reason=PROBE)
    assert opened(day) == [BEHIND]
    day.away = {}
    serve(day, day.boxes[0], reason=PROBE)

    assert opened(day) == []


def test_a_store_of_circuits_that_is_away_stops_no_pass_and_shares_no_blame() -> None:
    day = Day()
    day.away = {"circuits": AWAY, "open": REFUSED}

    serve(day, *day.boxes)

    assert day.disabled() == day.boxes
    assert {day.states.read(one).error_kind for one in day.boxes} == {"login_refused"}


def test_senders_of_a_host_that_refuses_them_all_are_kept_back_and_one_a_minute_is_tried() -> None:
    day = Day()
    day.away = {"open": REFUSED}
    day.write()
    day.run(10)
    day.orders.clear()
    places = {one.place for one in day.circuits.all_open()}
    tried = day.collected(5)

    assert places == {PLACE, "outgoing memory mail.contoso.example"}
    assert [one.probe for one in tried] == [True] * 5
    assert {len(one.activities) for one in tried} == {1}
    day.away = {}
    day.run(12)
    assert day.left() == {f"e{number}": 1 for number in range(1, 6)}
    assert {one.status for one in day.crm.activities.values()} <= {EmailStatus.SENT, EmailStatus.RECEIVED}
    assert day.alerts.all() == []


@pytest.mark.parametrize(("behind", "probed"), [(PLACE, "ann"), (BEHIND, "bob")])
def test_a_probe_is_one_that_nothing_blocks_and_that_can_prove_it(behind: str, probed: str) -> None:
    now = MORNING

    def known(name: str, *, blocked: bool = False, failing: bool = False) -> ScheduledMailbox:
        return ScheduledMailbox(
            organisation="contoso",
            mailbox=name,
            last_mail=None,
            minimum_interval=60,
            maximum_interval=60,
            blocked_until=now + timedelta(hours=1) if blocked else None,
            failing=failing,
        )

    boxes = [known("blocked", blocked=True, failing=True), known("ann")]
    boxes += [known("bob", failing=True)] if behind == BEHIND else []

    found = list(schedule.due([*boxes, known("free")], now, lambda box: [] if box.mailbox == "free" else [behind]))

    assert found == [MailboxWork("contoso", "free"), MailboxWork("contoso", probed, PROBE)]


def test_a_block_that_has_ended_makes_its_mailbox_due_in_that_minute() -> None:
    box = ScheduledMailbox(
        organisation="contoso",
        mailbox="ann",
        last_mail=None,
        minimum_interval=60,
        maximum_interval=900,
        blocked_until=MORNING,
    )

    assert [schedule.is_due(box, MORNING + timedelta(seconds=one)) for one in (-1, 0, 60, 120)] == [
        *(False, True, True, True)
    ]
