"""What every store promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Record
from email_router.core.alerts import MOST_MESSAGES, Alert
from email_router.core.errors import ConfigurationError, StaleWorker
from email_router.core.fetched import Position
from email_router.core.ledger import (
    Answer,
    Counted,
    KnownEmail,
    Link,
    LinkKind,
    Outcome,
    Quarantined,
    Receipt,
    Retry,
    Trace,
    Wanted,
)
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.mailbox_state import Lease, PassRecord
from email_router.core.sending import (
    FIRST_HISTORY,
    MOST_HISTORY,
    HistoryEntry,
    OutgoingState,
    RecipientResult,
    Reported,
    SendOutcome,
)
from email_router.core.settings import Configuration, CrmSettings, Tracking
from email_router.core.work import MailboxWork, OutgoingWork
from tests.cloud import Stores

NOW = datetime(2026, 11, 2, 9, 0, 0, 123456, tzinfo=UTC)
SALES = "sales@contoso.example"
ANN = "Ann@contoso.example"
ALICE, BOB = "a" * 16, "b" * 16


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def lease_of(stores: Stores, mailbox: str = SALES, at: datetime = NOW) -> Lease:
    lease: Lease | None = stores.states.lease(mailbox, at, at + timedelta(seconds=330))
    assert lease is not None
    return lease


def overtaken(stores: Stores) -> Lease:
    """Return a lease that another worker has overtaken."""
    old = lease_of(stores)
    lease_of(stores, at=later(331))
    return old


def record(**given: Any) -> PassRecord:
    return PassRecord(**{"at": later(5), "last_mail": None, "next_retry": None, **given})


def trace(key: str = "k1", mailbox: str = SALES, **given: Any) -> Trace:
    plain = {
        "source": "pop3",
        "source_id": "7",
        "message_id": "<a@b.example>",
        "subject": "Hällo \ud83d\udce7 \udc80",
        "outcome": Outcome.IGNORED,
        "reason": "no_recipient_match",
        "rule": "accept",
        "answers": (Answer("duplicate", "no"), Answer("accept", "no", "replies only")),
        "headers": (("from", "a@b.example"), ("subject", "x")),
        "regarding": Record("contact", "1", "Ann"),
        "at": NOW,
    }
    return Trace(key=key, mailbox=mailbox, **{**plain, **given})


def receipt(key: str = "k1", mailbox: str = SALES, **given: Any) -> Receipt:
    return Receipt(key, mailbox, Outcome.IGNORED, "no_recipient_match", at=NOW, **given)


def known(activity: str = "a1", at: datetime = NOW, token: str | None = None) -> KnownEmail:
    return KnownEmail(activity=activity, participants=frozenset({ALICE, BOB}), at=at, token=token)


def retry(key: str = "k1", due: datetime = NOW, attempts: int = 1) -> Retry:
    return Retry(
        key=key, mailbox=SALES, source_id="7", blob="raw/k1", size=9, attempts=attempts, due=due, error="CRM said no"
    )


class TestMailboxStates:
    def test_a_mailbox_never_seen_has_an_empty_state(self, stores: Stores) -> None:
        state = stores.states.read(SALES)

        assert (state.mailbox, state.position, state.token, state.lease_until) == (SALES, Position(), 0, None)

    def test_a_held_lease_is_given_to_nobody_else(self, stores: Stores) -> None:
        lease = lease_of(stores)

        assert stores.states.lease(SALES, later(329), later(700)) is None
        assert (lease.token, lease.crashed, lease.until) == (1, False, later(330))
        assert stores.states.read(SALES).lease_until == later(330)

    def test_an_expired_lease_tells_the_next_worker_that_the_last_one_died(self, stores: Stores) -> None:
        lease_of(stores)

        second = lease_of(stores, at=later(331))

        assert (second.token, second.crashed) == (2, True)

    def test_a_released_lease_is_no_crash(self, stores: Stores) -> None:
        assert stores.states.release(lease_of(stores), record())

        assert lease_of(stores, at=later(1)).crashed is False

    def test_release_leaves_what_the_pass_found_out(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.begin(lease, "7")
        found = record(
            last_mail=later(-60),
            next_retry=later(60),
            failures=3,
            blocked_until=later(3600),
            error_kind="login_refused",
            error_text="no",
            error_mend="set the password",
        )

        assert stores.states.release(lease, found)

        state = stores.states.read(SALES)
        assert (state.last_mail, state.last_pass, state.next_retry) == (later(-60), later(5), later(60))
        assert (state.failures, state.blocked_until) == (3, later(3600))
        assert (state.error_kind, state.error_text, state.error_mend) == ("login_refused", "no", "set the password")
        assert (state.lease_until, dict(state.attempts), state.token) == (None, {}, 1)

    def test_a_pass_without_mail_keeps_the_time_of_the_last_mail_and_clears_the_error(self, stores: Stores) -> None:
        stores.states.release(lease_of(stores), record(last_mail=later(-60), error_kind="x", failures=1))

        stores.states.release(lease_of(stores, at=later(1)), record())

        state = stores.states.read(SALES)
        assert (state.last_mail, state.error_kind, state.failures, state.next_retry) == (later(-60), "", 0, None)

    def test_a_request_for_another_round_keeps_the_lease_once(self, stores: Stores) -> None:
        lease = lease_of(stores)

        assert stores.states.ask_again(SALES, lease.token)
        assert stores.states.ask_again(SALES, lease.token)
        assert stores.states.release(lease, record()) is False
        assert stores.states.lease(SALES, later(10), later(340)) is None
        assert stores.states.release(lease, record()) is True

    def test_nobody_can_be_asked_when_no_lease_is_held_or_the_token_moved_on(self, stores: Stores) -> None:
        assert stores.states.ask_again(SALES, 0) is False
        first = lease_of(stores)
        stores.states.release(first, record())
        assert stores.states.ask_again(SALES, first.token) is False
        second = lease_of(stores, at=later(1))
        assert stores.states.ask_again(SALES, first.token) is False
        assert stores.states.ask_again(SALES, second.token) is True

    def test_a_new_lease_starts_without_an_old_request(self, stores: Stores) -> None:
        first = lease_of(stores)
        stores.states.ask_again(SALES, first.token)

        second = lease_of(stores, at=later(331))

        assert second.state.again is False
        assert stores.states.release(second, record()) is True

    def test_a_stale_worker_writes_nothing(self, stores: Stores) -> None:
        old = overtaken(stores)

        writes: list[Callable[[], object]] = [
            lambda: stores.states.advance(old, Position(b"new", "m"), NOW),
            lambda: stores.states.begin(old, "7"),
            lambda: stores.states.release(old, record()),
            lambda: stores.states.add_retry(old, retry()),
            lambda: stores.states.drop_retry(old, retry()),
            lambda: stores.ledger.record([(receipt(), trace())], old),
            lambda: stores.quarantine.add(entry("q1"), old),
        ]
        for write in writes:
            with pytest.raises(StaleWorker):
                write()

        state = stores.states.read(SALES)
        assert (state.position, dict(state.attempts), state.token) == (Position(), {}, 2)
        assert stores.states.retries(SALES, None, 10) == []
        assert stores.ledger.receipts("k1") == []
        assert stores.ledger.traces("k1") == []
        assert stores.quarantine.entries() == []

    @pytest.mark.parametrize("size", [0, 1, 1024, 1025, 200_000])
    def test_a_position_comes_back_whole_whatever_its_size(self, stores: Stores, size: int) -> None:
        position = Position(bytes(range(256)) * (size // 256) + bytes(size % 256), "mark")
        lease = lease_of(stores)

        stores.states.advance(lease, position, later(2))

        state = stores.states.read(SALES)
        assert (stores.states.load(state).position, state.position.mark) == (position, "mark")
        assert state.position_saved == later(2)

    def test_the_blob_of_a_cursor_is_removed_once_nothing_points_to_it(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.advance(lease, Position(b"x" * 2000), NOW)
        parked = stores.states.read(SALES)

        stores.states.advance(lease, Position(b"y" * 2000), NOW)
        stores.states.advance(lease, Position(b"y" * 2000), NOW)

        assert stores.states.load(stores.states.read(SALES)).position.cursor == b"y" * 2000
        with_nothing = stores.states.load(parked).position if stores.place else Position()
        assert with_nothing == Position()

    def test_a_position_is_touched_only_while_nobody_serves_the_mailbox(self, stores: Stores) -> None:
        stores.states.touch(SALES, 0, Position(b"first"), NOW)
        assert stores.states.read(SALES).position.cursor == b"first"
        lease = lease_of(stores)
        stores.states.touch(SALES, lease.token, Position(b"held"), NOW)
        stores.states.release(lease, record())
        stores.states.touch(SALES, 0, Position(b"old token"), NOW)
        assert stores.states.read(SALES).position.cursor == b"first"

        stores.states.touch(SALES, lease.token, Position(b"second", "m"), later(9))

        state = stores.states.read(SALES)
        assert (state.position, state.position_saved) == (Position(b"second", "m"), later(9))

    def test_a_message_begun_again_and_again_is_counted_over_crashes(self, stores: Stores) -> None:
        first = lease_of(stores)
        assert stores.states.begin(first, "AAMk/+=.é 1") == 1
        assert stores.states.begin(first, "8", finished=["AAMk/+=.é 1", "never begun"]) == 1
        second = lease_of(stores, at=later(331))
        assert dict(second.state.attempts) == {"8": 1}

        assert stores.states.begin(second, "8") == 2
        assert stores.states.begin(second, "9", finished=["8", "8"]) == 1

        assert dict(stores.states.read(SALES).attempts) == {"9": 1}

    def test_hundreds_of_finished_messages_are_forgotten_by_the_release(self, stores: Stores) -> None:
        lease = lease_of(stores)
        names = [f"AAMkAGI2{number:04d}" * 12 for number in range(300)]
        for name in names[:3]:
            stores.states.begin(lease, name)

        assert stores.states.begin(lease, "next", finished=names) == 1
        stores.states.release(lease, record())

        assert dict(stores.states.read(SALES).attempts) == {}

    def test_mailboxes_of_any_spelling_are_one(self, stores: Stores) -> None:
        lease_of(stores, "Sales@Contoso.example")

        assert stores.states.lease(SALES, later(1), later(2)) is None

    def test_retries_come_back_soonest_first_and_only_when_due(self, stores: Stores) -> None:
        lease = lease_of(stores)
        late, soon = retry("k2", later(600)), retry("k1", later(60))
        stores.states.add_retry(lease, late)
        stores.states.add_retry(lease, soon)

        assert stores.states.retries(SALES, None, 10) == [soon, late]
        assert stores.states.retries(SALES, None, 1) == [soon]
        assert stores.states.retries(SALES, later(59), 10) == []
        assert stores.states.retries(SALES, later(60), 10) == [soon]
        assert stores.states.read(SALES).next_retry == later(60)

    def test_a_further_attempt_takes_the_place_of_the_earlier_one(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.add_retry(lease, retry("k1", later(60)))
        stores.states.add_retry(lease, retry("k2", later(300)))

        again = retry("k1", later(600), attempts=2)
        stores.states.add_retry(lease, again)

        assert stores.states.retries(SALES, None, 10) == [retry("k2", later(300)), again]
        assert stores.states.read(SALES).next_retry == later(300)

    def test_a_settled_retry_is_dropped_and_may_be_dropped_twice(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.add_retry(lease, retry())

        stores.states.drop_retry(lease, retry())
        stores.states.drop_retry(lease, retry())

        assert stores.states.retries(SALES, None, 10) == []


class TestSchedule:
    def test_only_scheduled_mailboxes_are_listed_with_what_their_state_says(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)
        stores.states.schedule(ANN.casefold(), 60, 600)
        stores.states.release(lease_of(stores), record(last_mail=NOW, next_retry=later(60), blocked_until=later(9)))
        stores.states.unschedule(ANN.casefold())

        (listed,) = stores.schedule.mailboxes()

        assert (listed.organisation, listed.mailbox) == (stores.organisation, SALES)
        assert (listed.minimum_interval, listed.maximum_interval) == (60, 900)
        assert (listed.last_mail, listed.next_retry, listed.blocked_until) == (NOW, later(60), later(9))

    def test_scheduling_again_changes_the_bounds_and_nothing_else(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.advance(lease, Position(b"here"), NOW)

        stores.states.schedule(SALES, 60, 900)
        stores.states.schedule(SALES, 30, 300)

        (listed,) = stores.schedule.mailboxes()
        assert (listed.minimum_interval, listed.maximum_interval) == (30, 300)
        assert stores.states.read(SALES).position == Position(b"here")
        assert stores.states.read(SALES).token == lease.token

    def test_scheduling_again_lifts_a_block_and_tells_why_it_was_there(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)
        stores.states.release(lease_of(stores), record(blocked_until=later(3600), error_kind="login_refused"))

        stores.states.schedule(SALES, 60, 900)

        (listed,) = stores.schedule.mailboxes()
        assert listed.blocked_until is None
        assert stores.states.read(SALES).blocked_until is None
        assert stores.states.read(SALES).error_kind == "login_refused"


class TestLedger:
    def test_receipts_and_traces_come_back_as_they_were_written(self, stores: Stores) -> None:
        lease = lease_of(stores)
        pairs = [(receipt("k1"), trace("k1")), (receipt("k1", ANN), trace("k1", ANN)), (receipt("k2"), trace("k2"))]

        stores.ledger.record(pairs, lease)
        stores.ledger.record(pairs, lease)

        assert sorted(stores.ledger.receipts("k1"), key=str) == sorted([receipt("k1"), receipt("k1", ANN)], key=str)
        assert sorted(stores.ledger.traces("k1"), key=str) == sorted([trace("k1"), trace("k1", ANN)], key=str)
        found = stores.ledger.find(Wanted(keys=("k1", "k2", "k3"), mailboxes=(SALES,)))
        assert found.receipts == {("k1", SALES): receipt("k1"), ("k2", SALES): receipt("k2")}
        assert (found.claims, stores.ledger.claim("k1")) == ({}, None)

    def test_receipts_are_asked_for_in_pairs_too(self, stores: Stores) -> None:
        pairs = [(receipt("k1"), trace("k1")), (receipt("k1", ANN), trace("k1", ANN)), (receipt("k2"), trace("k2"))]
        stores.ledger.record(pairs, lease_of(stores))

        found = stores.ledger.find(Wanted(keys=("k1", "k2"), pairs=(("k1", ANN), ("k2", SALES), ("k2", ANN))))

        assert found.receipts == {("k1", ANN): receipt("k1", ANN), ("k2", SALES): receipt("k2")}

    def test_many_receipts_are_written_in_one_call(self, stores: Stores) -> None:
        pairs = [(receipt(f"k{number}"), trace(f"k{number}")) for number in range(120)]

        stores.ledger.record(pairs, lease_of(stores))

        wanted = Wanted(keys=tuple(f"k{number}" for number in range(120)), mailboxes=(SALES, ANN))
        assert len(stores.ledger.find(wanted).receipts) == 120

    def test_of_two_receipts_for_one_message_in_one_call_the_last_stands(self, stores: Stores) -> None:
        second = replace(receipt(), reason="loop")

        stores.ledger.record([(receipt(), trace()), (second, trace(reason="loop"))], lease_of(stores))

        assert stores.ledger.receipts("k1") == [second]

    def test_traces_since_an_hour_come_oldest_first(self, stores: Stores) -> None:
        traces = [trace("k1", at=later(9)), trace("k2", at=later(3)), trace("k3", at=later(-3))]
        stores.ledger.record([(receipt(one.key), one) for one in traces], lease_of(stores))

        assert stores.ledger.traces_since(NOW) == [traces[1], traces[0]]

    def test_a_message_id_leads_to_the_first_email_a_token_and_thread_to_the_newest(self, stores: Stores) -> None:
        for kind in (LinkKind.MESSAGE_ID, LinkKind.TOKEN, LinkKind.THREAD):
            stores.ledger.link([Link(kind, "v", known("middle", later(5)))])
            stores.ledger.link([Link(kind, "v", known("newer", later(9))), Link(kind, "v", known("older", later(1)))])

        found = stores.ledger.find(Wanted(message_ids=("v", "w"), tokens=("v",), threads=("v",)))

        assert {name: one.activity for name, one in found.message_ids.items()} == {"v": "middle"}
        assert (found.tokens["v"].activity, found.threads["v"].activity) == ("newer", "newer")

    @pytest.mark.parametrize("value", ["<a@b.example>", "<A.B@C.example>", "no id at all", "<" + "x" * 900 + "@b>"])
    def test_ids_of_any_form_are_found(self, stores: Stores, value: str) -> None:
        email = known(token="CRM:0001001")
        stores.ledger.link([Link(LinkKind.MESSAGE_ID, value, email)])

        assert stores.ledger.find(Wanted(message_ids=(value, "<other@b>"))).message_ids == {value: email}

    def test_a_participant_hash_of_another_form_comes_back_too(self, stores: Stores) -> None:
        email = KnownEmail(activity="a1", participants=frozenset({"12", "ff"}), at=NOW)
        bare = KnownEmail(activity="a2", at=NOW)
        stores.ledger.link([Link(LinkKind.TOKEN, "t1", email), Link(LinkKind.TOKEN, "t2", bare)])

        assert stores.ledger.find(Wanted(tokens=("t1", "t2"))).tokens == {"t1": email, "t2": bare}

    def test_a_subject_leads_to_all_its_emails_newest_first(self, stores: Stores) -> None:
        emails = [known(f"a{number}", later(number)) for number in range(6)]
        stores.ledger.link([Link(LinkKind.SUBJECT, "h", email) for email in emails])

        assert stores.ledger.by_subject("h", later(2)) == emails[:1:-1]
        assert stores.ledger.by_subject("h", later(2), limit=2) == [emails[5], emails[4]]
        assert stores.ledger.by_subject("other", later(2)) == []

    def test_a_page_of_questions_over_many_calls_is_answered_whole(self, stores: Stores) -> None:
        values = [f"<m{number}@b.example>" for number in range(130)]
        stores.ledger.link([Link(LinkKind.MESSAGE_ID, value, known(value)) for value in values])

        found = stores.ledger.find(Wanted(message_ids=tuple(values)))

        assert {value: email.activity for value, email in found.message_ids.items()} == dict(
            zip(values, values, strict=True)
        )

    def test_a_token_of_a_live_conversation_is_not_given_out_again(self, stores: Stores) -> None:
        live_since = later(-90 * 86400)
        assert stores.ledger.reserve_token("CRM:1", known("a1"), live_since) is True
        assert stores.ledger.reserve_token("CRM:1", known("a1"), live_since) is True
        assert stores.ledger.reserve_token("CRM:1", known("a2"), live_since) is False

        assert stores.ledger.reserve_token("CRM:1", known("a3", later(1)), live_since=later(1)) is True
        assert stores.ledger.find(Wanted(tokens=("CRM:1",))).tokens["CRM:1"].activity == "a3"

    def test_users_get_numbers_from_one_and_counters_of_their_own(self, stores: Stores) -> None:
        assert [stores.ledger.user_number(user) for user in (ANN, SALES, ANN.casefold())] == [1, 2, 1]
        assert [stores.ledger.next_counts(user, 3) for user in (ANN, SALES)] == [Counted(0), Counted(0)]
        assert stores.ledger.next_counts(ANN.casefold(), 2) == Counted(3)


def entry(name: str, at: datetime = NOW) -> Quarantined:
    return Quarantined(
        id=name,
        key="k1",
        mailbox=SALES,
        source="pop3",
        source_id="7",
        reason="unreadable",
        text="no header",
        mend="look at it",
        blob="quarantine/1",
        size=9,
        message_id=None,
        subject="",
        at=at,
    )


class TestQuarantine:
    def test_entries_come_newest_first_and_one_by_id(self, stores: Stores) -> None:
        lease = lease_of(stores)
        for one, holder in (
            (entry("q1", later(1)), lease),
            (entry("q2", later(2)), None),
            (entry("q1", later(1)), lease),
        ):
            stores.quarantine.add(one, holder)

        assert stores.quarantine.entries() == [entry("q2", later(2)), entry("q1", later(1))]
        assert stores.quarantine.get("q1") == entry("q1", later(1))

    def test_a_removed_entry_is_gone(self, stores: Stores) -> None:
        stores.quarantine.add(entry("q1"), None)

        stores.quarantine.remove("q1")
        stores.quarantine.remove("q1")

        assert (stores.quarantine.get("q1"), stores.quarantine.entries()) == (None, [])


def composed(activity: str = "e1", **given: Any) -> OutgoingState:
    plain = {
        "status": EmailStatus.PENDING,
        "sender": SALES,
        "kind": "smtp",
        "blob": "composed/e1",
        "message_id": "<e1@contoso.example>",
        "subject": "Hällo",
        "tracking_token": "CRM:0001001",
        "recipients": ("bob@fabrikam.example",),
        "changed": NOW,
    }
    return OutgoingState(activity=activity, **{**plain, **given})


class TestOutgoingStates:
    def test_what_was_composed_first_stands(self, stores: Stores) -> None:
        assert stores.outgoing.get("e1") is None

        assert stores.outgoing.prepare(composed()) == composed()
        assert stores.outgoing.prepare(composed(message_id="<other@x>")) == composed()
        assert stores.outgoing.get("e1") == composed()

    def test_several_are_asked_for_at_once_and_those_never_taken_up_are_absent(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        stores.outgoing.prepare(composed("e2"))

        assert stores.outgoing.several(("e2", "never", "e1", "e2")) == {"e1": composed(), "e2": composed("e2")}
        assert stores.outgoing.several(()) == {}

    def test_an_attempt_is_claimed_once(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())

        claimed = stores.outgoing.claim("e1", later(1), "request-1")

        assert (claimed.status, claimed.attempts, claimed.token, claimed.changed) == (
            EmailStatus.SENDING,
            1,
            1,
            later(1),
        )
        assert [(one.at, one.status, one.request) for one in claimed.history] == [
            (later(1), EmailStatus.SENDING, "request-1")
        ]
        assert stores.outgoing.claim("e1", later(2), "request-2") is None
        assert stores.outgoing.claim("never", later(2), "request-2") is None
        assert stores.outgoing.get("e1") == claimed

    def test_a_deferred_email_waits_until_it_is_due(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        first = stores.outgoing.claim("e1", NOW, "r1")
        assert stores.outgoing.settle(first, EmailStatus.DEFERRED, NOW, evidence="451 later", due=later(60))

        assert stores.outgoing.claim("e1", later(59), "r2") is None
        second = stores.outgoing.claim("e1", later(60), "r3")

        assert (second.attempts, second.token, second.due) == (2, 2, None)

    def test_a_sent_email_keeps_its_evidence_and_the_providers_id(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")

        assert stores.outgoing.settle(claimed, EmailStatus.SENT, later(1), evidence="250 ok", provider_id="0100")

        state = stores.outgoing.get("e1")
        assert (state.status, state.provider_id, state.reason) == (EmailStatus.SENT, "0100", "250 ok")
        assert [(one.status, one.evidence) for one in state.history] == [
            (EmailStatus.SENDING, ""),
            (EmailStatus.SENT, "250 ok"),
        ]
        assert stores.outgoing.claim("e1", later(9), "r2") is None

    def test_an_overtaken_attempt_settles_nothing(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        first = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(first, EmailStatus.PENDING, NOW, evidence="never started")
        second = stores.outgoing.claim("e1", NOW, "r2")

        assert stores.outgoing.settle(first, EmailStatus.SENT, NOW, evidence="250 ok") is False
        assert stores.outgoing.get("e1") == second
        assert stores.outgoing.settle(composed("never"), EmailStatus.SENT, NOW, evidence="") is False

    def test_an_unknown_email_is_settled_by_what_is_found_later(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(claimed, EmailStatus.UNKNOWN, NOW, evidence="line broke")

        assert stores.outgoing.claim("e1", later(9), "r2") is None
        assert stores.outgoing.settle(stores.outgoing.get("e1"), EmailStatus.SENT, later(9), evidence="in Sent Items")

        assert stores.outgoing.get("e1").status is EmailStatus.SENT

    def test_a_bounce_wins_over_sent_and_is_not_undone(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        assert stores.outgoing.report("e1", EmailStatus.FAILED, NOW, evidence="bounce") is False
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")

        assert stores.outgoing.report("e1", EmailStatus.FAILED, later(1), evidence="550 no such user") is True
        assert stores.outgoing.report("e1", EmailStatus.FAILED, later(2), evidence="again") is False
        assert stores.outgoing.report("e1", EmailStatus.SENT, later(2), evidence="delivered") is False
        assert stores.outgoing.report("never", EmailStatus.FAILED, NOW, evidence="") is False
        state = stores.outgoing.get("e1")
        assert (state.status, state.reason) == (EmailStatus.FAILED, "550 no such user")

    def test_a_bounce_that_comes_before_the_answer_is_not_overwritten(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.report("e1", EmailStatus.FAILED, NOW, evidence="550")

        assert stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok") is False
        assert stores.outgoing.get("e1").status is EmailStatus.FAILED

    def test_a_delivery_reported_before_the_answer_agrees_with_it(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.report("e1", EmailStatus.SENT, NOW, evidence="delivered")

        assert stores.outgoing.settle(claimed, EmailStatus.UNKNOWN, NOW, evidence="line broke") is False
        assert stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok", provider_id="0100") is True
        assert stores.outgoing.get("e1").provider_id == "0100"

    def test_a_person_may_send_a_failed_email_back_to_the_queue(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(claimed, EmailStatus.FAILED, NOW, evidence="550")

        assert stores.outgoing.settle(stores.outgoing.get("e1"), EmailStatus.PENDING, later(1), evidence="retry")

        assert stores.outgoing.claim("e1", later(2), "r2").attempts == 2

    def test_what_became_of_each_recipient_and_who_did_it_is_kept(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        results = (
            RecipientResult("bob@fabrikam.example", SendOutcome.ACCEPTED, "250 ok"),
            RecipientResult("jörg@fabrikam.example", SendOutcome.DEFERRED, "451 later", Reported.DELAYED),
        )

        stores.outgoing.settle(
            claimed, EmailStatus.DEFERRED, NOW, evidence="451", due=NOW, results=results, attempts=0, request="r1"
        )
        stores.outgoing.settle(stores.outgoing.get("e1"), EmailStatus.DEFERRED, later(1), evidence="again", due=NOW)

        state = stores.outgoing.get("e1")
        assert (state.results, state.attempts) == (results, 0)
        assert [one.request for one in state.history] == ["r1", "r1", ""]

    def test_a_report_about_recipients_is_written_to_the_state_that_was_read_and_to_no_other(
        self, stores: Stores
    ) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")
        read = stores.outgoing.get("e1")
        results = (RecipientResult("bob@fabrikam.example", SendOutcome.REFUSED, "bounce", Reported.BOUNCED),)

        first = stores.outgoing.note(
            read, EmailStatus.FAILED, later(1), evidence="bounce", results=results, request="r2"
        )
        second = stores.outgoing.note(read, EmailStatus.SENT, later(2), evidence="delivery", results=(), request="r3")

        state = stores.outgoing.get("e1")
        assert (first, second) == (True, False)
        assert (state.status, state.reason, state.results) == (EmailStatus.FAILED, "bounce", results)
        assert state.history[-1] == HistoryEntry(later(1), EmailStatus.FAILED, "bounce", "r2")

    def test_an_e_mail_that_is_reopened_waits_at_once_and_its_worker_of_before_settles_nothing(
        self, stores: Stores
    ) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.keep_draft(claimed, "draft-1")
        stores.outgoing.settle(claimed, EmailStatus.UNKNOWN, NOW, evidence="line broke")
        read = stores.outgoing.get("e1")

        assert stores.outgoing.reopen(read, later(1), evidence="resend", results=(), request="by hand") is True
        assert stores.outgoing.reopen(read, later(2), evidence="resend", results=(), request="by hand") is False

        assert stores.outgoing.settle(claimed, EmailStatus.SENT, later(2), evidence="250 ok") is False
        state = stores.outgoing.get("e1")
        assert (state.status, state.draft, state.due) == (EmailStatus.PENDING, "", None)
        assert stores.outgoing.claim("e1", later(3), "r2").attempts == 2

    def test_of_a_long_history_the_beginning_and_the_latest_stay(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        for number in range(40):
            claimed = stores.outgoing.claim("e1", later(number), f"r{number}")
            stores.outgoing.settle(claimed, EmailStatus.DEFERRED, later(number), evidence=f"s{number}", due=NOW)

        history = stores.outgoing.get("e1").history
        assert len(history) <= MOST_HISTORY + 1
        assert [one.request for one in history[:FIRST_HISTORY:2]] == ["r0", "r1", "r2", "r3", "r4"]
        assert [one.request or one.evidence for one in history[-4:]] == ["r38", "s38", "r39", "s39"]

    def test_all_are_listed_newest_first(self, stores: Stores) -> None:
        for number in range(3):
            stores.outgoing.prepare(composed(f"e{number}", changed=later(number)))

        assert [state.activity for state in stores.outgoing.all()] == ["e2", "e1", "e0"]


class TestBlobs:
    @pytest.mark.parametrize("size", [0, 1, 100_000])
    def test_bytes_come_back(self, stores: Stores, size: int) -> None:
        stores.blobs.put("raw/one", bytes(size))
        stores.blobs.put("raw/one", bytes(size))

        assert stores.blobs.get("raw/one") == bytes(size)

    def test_a_stream_over_several_parts_comes_back_whole(self, stores: Stores) -> None:
        pieces = [bytes([number]) * 1_000_003 for number in range(18)]

        assert stores.blobs.put_stream("raw/big", iter(pieces)) == 18 * 1_000_003
        assert stores.blobs.get("raw/big") == b"".join(pieces)

    def test_an_empty_stream_is_an_empty_blob(self, stores: Stores) -> None:
        assert stores.blobs.put_stream("raw/none", []) == 0
        assert stores.blobs.get("raw/none") == b""

    @pytest.mark.parametrize("megabytes", [1, 17])
    def test_a_stream_that_breaks_off_leaves_nothing(self, stores: Stores, megabytes: int) -> None:
        def broken() -> Any:
            yield from (bytes(1_000_000) for _ in range(megabytes))
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            stores.blobs.put_stream("raw/broken", broken())
        with pytest.raises(KeyError):
            stores.blobs.get("raw/broken")

    def test_a_deleted_blob_is_gone_and_may_be_deleted_twice(self, stores: Stores) -> None:
        stores.blobs.put("raw/one", b"x")
        stores.blobs.delete("raw/one")
        stores.blobs.delete("raw/one")

        with pytest.raises(KeyError):
            stores.blobs.get("raw/one")


class TestSecrets:
    def test_a_secret_that_does_not_exist_is_a_matter_of_configuration(self, stores: Stores) -> None:
        with pytest.raises(ConfigurationError, match="contoso/pop3"):
            stores.secrets.get("contoso/pop3")

    def test_a_secret_is_made_changed_and_read(self, stores: Stores) -> None:
        stores.secrets.put("contoso/pop3", "first")
        assert stores.secrets.get("contoso/pop3") == "first"
        stores.secrets.put("contoso/pop3", '{"ann@contoso.example": "p\u00e4ss"}')

        assert stores.secrets.get("contoso/pop3") == '{"ann@contoso.example": "p\u00e4ss"}'
        assert stores.secrets.refresh("contoso/pop3") == '{"ann@contoso.example": "p\u00e4ss"}'


def configuration(name: str = "contoso", mailboxes: int = 2) -> Configuration:
    return Configuration(
        organisation=name,
        tracking=Tracking(smart_matching=True, earlier_prefixes=("OLD:",)),
        crm=CrmSettings(kind="dataverse", options={"url": "https://x"}),
        profiles=(
            Profile(
                name="in", direction=Direction.INCOMING, server="pop3", process_received_after=NOW, ca_pem="-----\n"
            ),
        ),
        mailboxes=tuple(
            Mailbox(address=f"box{number}@contoso.example", aliases=("x@y",)) for number in range(mailboxes)
        ),
    )


class TestConfigurations:
    def test_nothing_is_published_at_first(self, stores: Stores) -> None:
        assert list(stores.configurations.organisations()) == []
        with pytest.raises(ConfigurationError, match="email-router publish"):
            stores.configurations.current("contoso")

    def test_the_published_version_comes_back_as_it_was(self, stores: Stores) -> None:
        assert stores.configurations.publish(configuration()) == 1
        assert stores.configurations.publish(configuration("fabrikam")) == 1

        assert stores.configurations.current("contoso") == replace(configuration(), version=1)
        assert sorted(stores.configurations.organisations()) == ["contoso", "fabrikam"]

    def test_versions_are_kept_and_publishing_can_be_undone(self, stores: Stores) -> None:
        stores.configurations.publish(configuration(mailboxes=1))
        assert stores.configurations.publish(configuration(mailboxes=2)) == 2

        stores.configurations.rollback("contoso", 1)

        assert len(stores.configurations.current("contoso").mailboxes) == 1
        assert stores.configurations.publish(configuration(mailboxes=3)) == 3
        assert len(stores.configurations.current("contoso").mailboxes) == 3
        assert list(stores.configurations.versions("contoso")) == [3, 2, 1]
        assert len(stores.configurations.version("contoso", 2).mailboxes) == 2

    def test_a_version_that_is_not_kept_cannot_be_gone_back_to(self, stores: Stores) -> None:
        stores.configurations.publish(configuration())

        with pytest.raises(ConfigurationError, match="version 7"):
            stores.configurations.rollback("contoso", 7)
        assert stores.configurations.current("contoso").version == 1


class TestQueues:
    def test_orders_over_several_batches_arrive(self, stores: Stores) -> None:
        work = [MailboxWork("contoso", f"box{number}@contoso.example") for number in range(23)]

        assert stores.queues.put_mailboxes(iter(work)) == 23

        if stores.place:
            arrived = stores.place.bodies(stores.place.mailbox_queue)
            assert {group for group, _ in arrived} == {"contoso"}
            assert sorted(body["mailbox"] for _, body in arrived) == sorted(one.mailbox for one in work)
            assert set(arrived[0][1]) == {"organisation", "mailbox", "reason"}
        else:
            assert stores.queues.mailboxes == work

    def test_emails_to_send_are_grouped_by_sender(self, stores: Stores) -> None:
        sender = "J\u00fcrgen@contoso.example"
        work = OutgoingWork("contoso", "smtp-out", sender, ("e1", "e2"))

        assert stores.queues.put_outgoing([work]) == 1

        if stores.place:
            ((group, body),) = stores.place.bodies(stores.place.outgoing_queue)
            assert group.isalnum()
            assert body == {
                "organisation": "contoso",
                "profile": "smtp-out",
                "sender": sender,
                "activities": ["e1", "e2"],
            }
        else:
            assert stores.queues.outgoing == [work]

    def test_no_work_is_no_call(self, stores: Stores) -> None:
        assert (stores.queues.put_mailboxes([]), stores.queues.put_outgoing([])) == (0, 0)


class TestAlerts:
    def test_one_alert_a_trouble_stays_open_until_it_is_settled(self, stores: Stores) -> None:
        first = Alert(kind="token_digits", about=ANN, text="grown", mend="none", at=NOW)
        other = replace(first, about=SALES, at=later(1))
        for alert in (first, replace(first, text="again", at=later(9)), other):
            stores.alerts.raise_alert(alert)

        assert stores.alerts.all() == [other, first]
        assert (stores.alerts.settle(first.id), stores.alerts.settle(first.id)) == (True, False)
        assert stores.alerts.all() == [other]

    def test_an_open_alert_gathers_the_messages_that_it_is_about_each_once_and_so_many_at_most(
        self, stores: Stores
    ) -> None:
        first = Alert(kind="for_review", about="x@y.example", text="one", mend="none", at=NOW, messages=("<b@x>",))
        for message in ("<b@x>", "<a@x>", "<b@x>"):
            stores.alerts.raise_alert(replace(first, text="again", at=later(9), messages=(message,)))
        (open_alert,) = stores.alerts.all()

        assert open_alert == replace(first, text="again", at=later(9), messages=("<a@x>", "<b@x>"))
        for number in range(2 * MOST_MESSAGES):
            stores.alerts.raise_alert(replace(first, messages=(f"<{number}@y>",)))
        (open_alert,) = stores.alerts.all()
        assert len(open_alert.messages) == MOST_MESSAGES
        assert {"<a@x>", "<b@x>"} < set(open_alert.messages)
        assert stores.alerts.settle(first.id)
        stores.alerts.raise_alert(first)
        assert stores.alerts.all() == [first]

    def test_a_counter_s_digits_grow_and_never_shrink(self, stores: Stores) -> None:
        stores.ledger.next_counts(ANN, 1)
        stores.ledger.grow_digits(ANN, 5)
        stores.ledger.grow_digits(ANN.casefold(), 4)

        assert stores.ledger.next_counts(ANN, 1) == Counted(1, 5)
        assert stores.ledger.next_counts(SALES, 1) == Counted(0)
