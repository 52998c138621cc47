"""The incoming road: every message is accounted for, once, whatever breaks on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.core.activity import CorrelationMethod, EmailStatus, Record
from email_router.core.errors import MailboxBlocked, MessageRefused, TryLater
from email_router.core.fetched import Fetched, Listed, Wrapper
from email_router.core.flows import undeliverable
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Delivered, Delivery, KnownEmail, Link, LinkKind, Outcome
from email_router.core.mailbox import Accept, AfterDelivery, Mailbox, MailboxKind
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from email_router.core.sending import OutgoingState
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants
from tests.fakes import fail, fail_after
from tests.flows.house import ANN, NOW, SALES, House, mail


def test_a_message_becomes_an_activity_with_its_parties_and_receipt() -> None:
    house = House(mail(1))
    house.crm.add_record("erin@fabrikam.example", Record("contact", "c1", "Erin", ANN))

    summary = house.route()

    (email,) = house.crm.activities.values()
    assert summary.outcome is PassOutcome.ROUTED
    assert email.subject == "An order"
    assert [(party.address, party.record.id if party.record else None) for party in email.parties] == [
        ("erin@fabrikam.example", "c1"),
        (SALES, None),
    ]
    assert [one.outcome for one in house.ledger.receipts(next(iter(house.ledger.claims)))] == [Outcome.DELIVERED]


def test_a_second_pass_finds_nothing_new_and_takes_no_lease() -> None:
    house = House(mail(1))
    house.route()
    token = house.states.read(SALES).token

    summary = house.route()

    assert summary.outcome is PassOutcome.IDLE
    assert house.states.read(SALES).token == token
    assert len(house.crm.activities) == 1


def test_an_answer_fetched_in_one_page_with_its_parent_finds_it_and_takes_its_regarding() -> None:
    house = House(mail(1), mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))

    house.route()

    parent, answer = sorted(house.crm.activities.values(), key=lambda one: one.message_id or "")
    assert answer.correlated == parent.id
    assert answer.correlation_method is CorrelationMethod.IN_REPLY_TO


def test_a_reply_takes_over_what_the_matched_e_mail_is_about() -> None:
    house = House(mail(1))
    house.route()
    (parent,) = house.crm.activities.values()
    account = Record("account", "a1", "Fabrikam")
    house.crm.activities[parent.id] = replace(parent, regarding=account)
    house.source.put(mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))

    house.route()

    answer = next(one for one in house.crm.activities.values() if one.id != parent.id)
    assert answer.regarding == account


def test_a_token_finds_the_thread_after_the_headers_were_lost() -> None:
    house = House(mail(3, subject="Re: Offer CRM:0001001"), accept=Accept.REPLIES)
    known = KnownEmail(
        activity="sent-1", participants=participants(["erin@fabrikam.example", SALES]), at=NOW, token="CRM:0001001"
    )
    house.ledger.link([Link(LinkKind.TOKEN, "CRM:0001001", known)])

    house.route()

    (answer,) = house.crm.activities.values()
    assert (answer.correlation_method, answer.correlated) == (CorrelationMethod.TRACKING_TOKEN, "sent-1")
    assert answer.tracking_token == "CRM:0001001"


def test_smart_matching_finds_an_e_mail_of_the_same_words_and_people() -> None:
    house = House(mail(1, subject="Quarterly figures"), mail(2, subject="AW: quarterly figures"))
    house.configure(tracking=Tracking(smart_matching=True))

    house.route()

    answer = next(one for one in house.crm.activities.values() if one.message_id == "<m2@fabrikam.example>")
    assert answer.correlation_method is CorrelationMethod.SMART_MATCHING


def test_what_nobody_wants_leaves_a_receipt_and_no_activity() -> None:
    house = House(mail(1), accept=Accept.REPLIES, after_delivery=AfterDelivery.DELETE)

    house.route()

    assert house.crm.activities == {}
    ((_, receipt),) = house.ledger.notes.items()
    assert (receipt.outcome, receipt.reason) == (Outcome.IGNORED, "no_correlation_match")
    assert house.source.disposed == []


def test_the_same_mail_in_two_mailboxes_is_one_activity_with_two_receipts() -> None:
    raw = mail(1, to=f"{SALES}, {ANN}")
    house = House(raw)
    house.sources[ANN].put(raw)

    house.route(SALES)
    house.route(ANN)

    (key,) = house.ledger.claims
    assert len(house.crm.activities) == 1
    assert sorted(one.mailbox for one in house.ledger.receipts(key)) == [ANN, SALES]
    assert {one.activity for one in house.ledger.receipts(key)} == set(house.crm.activities)


@pytest.mark.parametrize("boxes", [(SALES, ANN), (ANN, SALES)])
def test_a_further_copy_continues_what_the_first_one_continues_and_not_itself(boxes: tuple[str, str]) -> None:
    people = f"{SALES}, {ANN}"
    index = base64.b64encode(b"\x01" + bytes(range(21))).decode()
    thread = f"Thread-Index: {index}\r\n"
    house = House(mail(1, to=people, subject="Figures", extra=thread))
    house.configure(tracking=Tracking(smart_matching=True))
    house.route(SALES)
    (parent,) = house.crm.activities
    raw = mail(2, to=people, subject="Re: Figures", extra=thread)
    for box in boxes:
        house.sources[box].put(raw)
        house.route(box)

    (key,) = (claim.key for claim in house.ledger.claims.values() if claim.activity != parent)
    traces = house.ledger.traces(key)
    assert [(one.method, one.correlated) for one in traces] == [("conversation_index", parent)] * 2


def test_another_mail_under_a_known_id_is_a_collision_and_kept() -> None:
    house = House(mail(1), mail(1, sender="mallory@evil.example", text="Something else"))

    house.route()

    flags = sorted(one.flags for one in house.crm.activities.values())
    assert len(house.crm.activities) == 2
    assert flags == [(), ("message-id collision",)]


def test_mails_without_an_id_are_told_apart_by_what_they_say() -> None:
    house = House(
        mail(1, message_id="", text="one"), mail(1, message_id="", text="two"), mail(1, message_id="", text="one")
    )

    house.route()

    assert sorted(one.text.strip() for one in house.crm.activities.values()) == ["one", "two"]
    assert all("no message-id" in one.flags for one in house.crm.activities.values())


def test_a_second_copy_in_one_mailbox_is_a_duplicate_with_a_trace_and_its_own_words_kept() -> None:
    house = House(mail(1), mail(1), mail(1, text="the same id, other words"))

    house.route()
    house.route()

    traces = house.ledger.traces(next(iter(house.ledger.claims)))
    assert sorted((one.outcome, one.reason, one.source_id) for one in traces) == [
        (Outcome.DELIVERED, "accept_all", "0"),
        (Outcome.IGNORED, "duplicate", "1"),
        (Outcome.IGNORED, "duplicate", "2"),
    ]
    assert len(house.crm.activities) == 1
    assert [raw for raw in house.blobs.stored.values() if b"other words" in raw] == [
        mail(1, text="the same id, other words")
    ]


def test_the_same_message_seen_again_leaves_no_second_trace() -> None:
    house = House(mail(1))
    fail(house.states, "advance", TryLater("the store is away", shared=True))
    house.route()

    house.route()

    assert len(house.ledger.traces(next(iter(house.ledger.claims)))) == 1
    assert house.ledger.copies == {}


def test_a_crash_between_delivery_and_cursor_brings_no_second_activity() -> None:
    house = House(mail(1), mail(2), after_delivery=AfterDelivery.DELETE)
    fail(house.states, "advance", SystemExit("killed"))  # type: ignore[arg-type]  # what a kill looks like from inside
    with pytest.raises(SystemExit):
        house.route()
    house.clock.advance(400)

    house.route()

    assert len(house.crm.activities) == 2
    assert house.source.messages == [None, None]


def test_a_lost_answer_of_the_crm_brings_no_second_activity() -> None:
    house = House(mail(1))
    fail_after(house.crm, "deliver", TryLater("the answer was lost", shared=True))

    first = house.route()
    second = house.route()

    assert (first.outcome, second.outcome) == (PassOutcome.FAILED, PassOutcome.IDLE)
    assert len(house.crm.activities) == 1
    assert house.states.read(SALES).error_kind == ""


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


def report_about(recipient: str) -> bytes:
    """Return the report of an MTA that an e-mail of ours failed for this recipient."""
    head = "From: MAILER-DAEMON@fabrikam.example\r\nTo: sales@contoso.example\r\nSubject: Undelivered\r\n"
    head += "Message-ID: <r1@fabrikam.example>\r\nDate: Tue, 24 Nov 2026 11:59:00 +0000\r\nMIME-Version: 1.0\r\n"
    head += 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    status = f"Reporting-MTA: dns; mx.fabrikam.example\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\n"
    status += "Action: failed\r\nStatus: 5.1.1\r\n"
    about = "Message-ID: <out1@contoso.example>\r\nFrom: sales@contoso.example\r\n"
    parts = {"text/plain": "Sorry.\r\n", "message/delivery-status": status, "text/rfc822-headers": about}
    body = "".join(f"--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts.items())
    return f"{head}{body}--b--\r\n".encode()


def test_a_delivery_report_turns_the_e_mail_it_is_about_to_failed() -> None:
    report = report_about("gone@fabrikam.example")
    house = House(report)
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])

    sent = OutgoingState(
        activity="sent-1", status=EmailStatus.SENT, sender=SALES, recipients=("gone@fabrikam.example",), changed=NOW
    )
    house.outgoing.prepare(sent)

    house.route()

    assert house.crm.activities == {}
    ((_, receipt),) = house.ledger.notes.items()
    assert (receipt.outcome, receipt.reason, receipt.activity) == (Outcome.ATTACHED, "delivery_report", "sent-1")
    state = house.outgoing.get("sent-1")
    assert state is not None
    assert state.status is EmailStatus.FAILED


def test_a_delivery_report_that_names_nobody_to_whom_the_e_mail_went_changes_nothing_in_it() -> None:
    house = House(report_about("stranger@never.example"))
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])
    sent = OutgoingState(
        activity="sent-1", status=EmailStatus.SENT, sender=SALES, recipients=("gone@fabrikam.example",), changed=NOW
    )
    house.outgoing.prepare(sent)

    house.route()

    assert house.outgoing.get("sent-1") == sent
