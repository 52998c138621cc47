"""What goes wrong on the incoming road is kept, told and made good, message by message."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from email_router.cli.needs_a_person import needs_a_person
from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, TryLater
from email_router.core.fetched import Wrapper
from email_router.core.flows import undeliverable
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import KnownEmail, Link, LinkKind, Outcome
from email_router.core.mailbox import Accept, AfterDelivery, Direction, Mailbox, MailboxKind
from email_router.core.message import Message
from email_router.core.parse import parse
from tests.fakes import fail
from tests.faults.mailboxes import REPORT
from tests.faults.troubled_mailboxes import refuse
from tests.flows.house import ANN, NOW, SALES, House, mail
from tests.memory.source import MemorySource

FORWARD = "router@contoso.example"
TRUSTED = Wrapper(SALES, authenticated=True, evidence="dmarc=pass")
FORGED = Wrapper(SALES, authenticated=False, evidence="no Authentication-Results")


def forward(house: House, *messages: bytes) -> MemorySource:
    """Publish a forward mailbox that deletes what it has settled."""
    box = Mailbox(address=FORWARD, kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.DELETE)
    return house.add_mailbox(box, *messages)


def test_a_message_for_which_no_time_is_left_after_a_crash_is_not_passed_over() -> None:
    house = House(mail(1))
    house.states.lease(SALES, NOW, NOW + timedelta(seconds=330))
    house.clock.advance(400)
    real = house.states.begin

    def slow(*given: Any) -> int:
        house.clock.advance(300)
        return real(*given)

    house.states.begin = slow  # type: ignore[method-assign, assignment]  # the fake of this test
    house.route()
    assert house.states.read(SALES).position.cursor == b""

    house.states.begin = real  # type: ignore[method-assign]  # quick again
    house.route()

    assert len(house.crm.activities) == 1


def test_a_message_that_waits_for_another_try_says_so_when_it_is_explained() -> None:
    house = House(mail(1))
    refuse(house, 1)

    house.route()

    (trace,) = house.ledger.traces_since(NOW)
    assert (trace.outcome, trace.reason, trace.activity) == (Outcome.FAILED, "accept_all", None)
    assert trace.answers[-1].evidence == "the CRM refuses this message"


def test_a_message_over_the_limit_that_was_refused_at_first_keeps_its_whole_raw_mail() -> None:
    raw = mail(1, text="x" * 5_000)
    house = House(raw, after_delivery=AfterDelivery.DELETE)
    house.configure(profile=replace(house.profile, maximum_message_size=1_000))
    refuse(house, 1)
    house.route()
    house.clock.advance(301)

    house.route()

    (email,) = house.crm.activities.values()
    assert "headers only" in email.flags
    assert house.blobs.get(email.raw or "") == raw
    assert house.source.messages == [None]


def test_one_mail_that_two_users_forward_is_tried_again_for_both() -> None:
    house = House()
    source = forward(house, mail(1), mail(1))
    source.wrappers = {0: TRUSTED, 1: replace(TRUSTED, sender=ANN)}
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    house.timing = replace(house.timing, page_messages=1)
    refuse(house, 1, times=4)
    house.route(FORWARD)
    assert len(house.states.retries(FORWARD, None, 10)) == 2
    house.clock.advance(301)

    house.route(FORWARD)

    (email,) = house.crm.activities
    assert {(one.mailbox, one.activity) for one in house.ledger.notes.values()} == {(SALES, email), (ANN, email)}
    assert source.messages == [None, None]


def test_a_forwarded_mail_that_was_given_up_is_tried_again_in_the_forward_mailbox() -> None:
    house = House()
    source = forward(house, mail(1))
    source.wrappers = {0: TRUSTED}
    house.configure(profile=replace(house.profile, maximum_attempts=1))
    refuse(house, 1)
    house.route(FORWARD)
    (entry,) = house.quarantine.entries()

    mailbox = undeliverable.retry(entry, house.states, house.quarantine, house.clock)
    house.route(mailbox)

    (email,) = house.crm.activities.values()
    assert (mailbox, email.mailbox) == (FORWARD, SALES)
    assert house.quarantine.entries() == []


def test_two_forged_wrappers_of_one_id_are_two_entries_with_their_own_bytes() -> None:
    house = House()
    source = forward(house, mail(1), mail(1, text="other words"))
    source.wrappers = {0: FORGED, 1: FORGED}

    house.route(FORWARD)

    kept = {house.blobs.get(entry.blob) for entry in house.quarantine.entries()}
    assert kept == {mail(1), mail(1, text="other words")}
    assert sorted(trace.source_id for trace in house.ledger.traces_since(NOW)) == ["0", "1"]


def test_a_forwarded_message_that_was_set_aside_unread_is_unwrapped_when_a_person_tries_it_again() -> None:
    wrapper = (
        f"From: {SALES}\r\nTo: {FORWARD}\r\nSubject: FW\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    ).encode() + mail(7)
    house = House()
    source = forward(house, wrapper)
    source.wrappers = {0: TRUSTED}

    def deadly(_raw: bytes) -> Message:
        raise SystemExit(9)

    house.parse = deadly
    for _ in range(3):
        with pytest.raises(SystemExit):
            house.route(FORWARD)
        house.clock.advance(400)
    house.route(FORWARD)
    (entry,) = house.quarantine.entries()
    house.parse = parse

    undeliverable.retry(entry, house.states, house.quarantine, house.clock)
    house.route(FORWARD)

    (email,) = house.crm.activities.values()
    assert (email.message_id, email.mailbox) == ("<m7@fabrikam.example>", SALES)
    assert source.messages == [None]


def test_what_the_server_will_not_give_is_never_deleted() -> None:
    house = House(b"")
    source = forward(house, mail(1))
    source.wrappers = {0: TRUSTED}
    real = source.fetch
    source.fetch = lambda listed, limit: (  # type: ignore[method-assign]  # the fake of this test
        replace(one, raw=b"", complete=False) for one in real(listed, limit)
    )

    house.route(FORWARD)

    assert [entry.reason for entry in house.quarantine.entries()] == ["unreadable"]
    assert source.messages == [mail(1)]


def test_a_report_about_a_mail_that_came_in_changes_nothing_in_it() -> None:
    house = House(REPORT)
    came = EmailActivity(id="in-1", direction=Direction.INCOMING, status=EmailStatus.RECEIVED)
    house.crm.activities["in-1"] = came
    known = KnownEmail(activity="in-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])

    house.route()

    assert house.crm.activities["in-1"] == came
    assert [one.subject for name, one in house.crm.activities.items() if name != "in-1"] == ["Undelivered"]


def test_a_mail_under_the_id_of_one_that_nobody_wanted_is_judged_for_itself() -> None:
    house = House(mail(1), accept=Accept.REPLIES)
    house.route()
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<sent@contoso.example>", known)])
    house.source.put(mail(1, sender="frank@fabrikam.example", extra="In-Reply-To: <sent@contoso.example>\r\n"))
    house.source.put(mail(1))

    house.route()

    (email,) = house.crm.activities.values()
    assert email.parties[0].address == "frank@fabrikam.example"
    outcomes = {trace.source_id: trace.outcome for trace in house.ledger.traces_since(NOW)}
    assert outcomes == {"0": Outcome.IGNORED, "1": Outcome.DELIVERED, "2": Outcome.IGNORED}


def test_a_retry_whose_bytes_are_gone_is_put_before_a_person_and_stops_nobody() -> None:
    house = House(mail(1))
    refuse(house, 1)
    house.route()
    (waiting,) = house.states.retries(SALES, None, 10)
    house.blobs.delete(waiting.blob)
    house.source.put(mail(2))
    house.clock.advance(301)

    house.route()

    (entry,) = house.quarantine.entries()
    assert "no longer kept" in entry.text
    assert len(house.crm.activities) == 1
    assert house.states.retries(SALES, None, 10) == []


def test_a_message_that_ends_its_worker_is_set_aside_though_its_server_is_away_in_between() -> None:
    house = House(mail(1, subject="killer"), mail(2))

    def deadly(raw: bytes) -> Message:
        if b"killer" in raw:
            raise SystemExit(9)
        return parse(raw)

    house.parse = deadly
    for _ in range(3):
        with pytest.raises(SystemExit):
            house.route()
        house.clock.advance(400)
        fail(house.source, "pages", TryLater("the server is away"))
        house.route()

    house.route()

    assert [entry.reason for entry in house.quarantine.entries()] == ["unreadable"]
    assert len(house.crm.activities) == 1


def test_an_error_that_is_configured_and_found_late_stands_where_every_other_does() -> None:
    house = House(mail(1))
    fail(house.source, "has_news", ConfigurationError("host: expected a name, seen nothing"))

    summary = house.route()

    state = house.states.read(SALES)
    assert summary.outcome is PassOutcome.FAILED
    assert (state.error_kind, state.failures, state.blocked_until) == ("configuration", 1, None)
    assert house.route().handled == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "mail.contoso.example: its certificate is refused",
            f"{SALES}: mail.contoso.example: its certificate is refused",
        ),
        (
            "mail.contoso.example:995 refused the connection",
            f"{SALES}: mail.contoso.example:995 refused the connection",
        ),
        (f"{SALES}: the login was refused", f"{SALES}: the login was refused"),
    ],
)
def test_what_a_person_is_told_of_a_mailbox_names_the_mailbox_and_names_it_once(text: str, told: str) -> None:
    house = House(mail(1))
    fail(house.source, "has_news", MailboxBlocked(text, kind="certificate", mend="look"))

    house.route()

    alerts = needs_a_person(house.alerts, house.quarantine, house.states, house.configuration)
    assert house.states.read(SALES).error_text == told
    assert [(one.kind, one.about) for one in alerts] == [("mailbox_disabled", SALES)]
    assert alerts[0].text == f"{told}; the mailbox is disabled, its mail waits in it"


@pytest.mark.parametrize("method", ["read", "retries", "release"])
def test_a_store_that_is_away_makes_no_pass_raise(method: str) -> None:
    house = House(mail(1))
    fail(house.states, method, TryLater("the store is away", shared=True), times=9)

    summary = house.route()

    assert summary.outcome is PassOutcome.FAILED
    assert summary.error is not None


def test_a_wake_up_during_a_pass_that_fails_is_not_lost() -> None:
    house = House(mail(1))

    def interrupted(*_given: object) -> object:
        assert house.route().outcome is PassOutcome.BUSY
        raise TryLater("the CRM is away", shared=True)

    house.crm.deliver = interrupted  # type: ignore[method-assign, assignment]  # the fake of this test

    house.route()

    assert [work.mailbox for work in house.queues.mailboxes] == [SALES]


def test_what_rests_on_a_refused_message_of_its_page_waits_with_it() -> None:
    house = House()
    source = forward(house, mail(1), mail(1))
    source.wrappers = {0: TRUSTED, 1: replace(TRUSTED, sender=ANN)}
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    fail(house.crm, "deliver", MessageRefused("the CRM refuses this message"), times=2)

    house.route(FORWARD)

    assert source.messages == [mail(1), mail(1)]
    assert {one.outcome for one in house.ledger.notes.values()} == {Outcome.FAILED}


@pytest.mark.parametrize(("days", "kept"), [(10, True), (100, False)])
def test_a_conversation_that_rested_too_long_does_not_take_back_a_token_that_another_one_bears(
    days: int, *, kept: bool
) -> None:
    token = "CRM:0001001"
    house = House(mail(1, extra="In-Reply-To: <sent@contoso.example>\r\n"))
    old = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW - timedelta(days=days), token=token)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<sent@contoso.example>", old)])
    other = KnownEmail(activity="sent-2", participants=frozenset(), at=NOW - timedelta(days=1), token=token)
    house.ledger.link([Link(LinkKind.TOKEN, token, other)])

    house.route()

    (email,) = house.crm.activities.values()
    assert email.correlated == "sent-1"
    assert email.tracking_token == (token if kept else None)


def test_a_message_whose_workers_died_only_after_they_had_delivered_it_is_not_set_aside() -> None:
    house = House(mail(1))
    for _ in range(4):
        fail(house.states, "advance", SystemExit("killed"))  # type: ignore[arg-type]  # what a kill looks like from inside
        with pytest.raises(SystemExit):
            house.route()
        house.clock.advance(400)

    house.route()

    assert house.quarantine.entries() == []
    assert [trace.outcome for trace in house.ledger.traces_since(NOW)] == [Outcome.DELIVERED]


def test_a_message_that_was_being_given_up_and_is_delivered_after_all_leaves_the_quarantine() -> None:
    house = House(mail(1))
    house.configure(profile=replace(house.profile, maximum_attempts=2))
    refuse(house, 1, times=4)
    house.route()
    house.clock.advance(301)
    fail(house.ledger, "record", SystemExit("killed"))  # type: ignore[arg-type]  # what a kill looks like from inside
    with pytest.raises(SystemExit):
        house.route()
    assert len(house.quarantine.entries()) == 1
    house.clock.advance(400)

    house.route()

    assert len(house.crm.activities) == 1
    assert house.quarantine.entries() == []


def test_a_retry_over_the_limit_keeps_its_raw_mail_though_the_mailbox_has_lost_it() -> None:
    raw = mail(1, text="x" * 5_000)
    house = House(raw)
    house.configure(profile=replace(house.profile, maximum_message_size=1_000))
    refuse(house, 1)
    house.route()
    house.source.messages[0] = None
    house.clock.advance(301)

    house.route()

    (email,) = house.crm.activities.values()
    assert house.blobs.get(email.raw or "") == raw
