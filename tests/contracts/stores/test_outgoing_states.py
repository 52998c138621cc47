"""What the store of outgoing e-mails' states promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.ledger import KnownEmail, Link, LinkKind, Wanted
from email_router.core.outgoing_states import Prepared
from email_router.core.sending import (
    BEGUN,
    FIRST_HISTORY,
    MOST_HISTORY,
    HistoryEntry,
    OutgoingState,
    RecipientResult,
    Reported,
    SendOutcome,
)
from tests.cloud import Stores
from tests.contracts.stores.contents import NOW, SALES, later


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


def prepared(activity: str, packed: bytes = b"") -> Prepared:
    known = KnownEmail(activity=activity, at=NOW)
    links = (
        Link(LinkKind.MESSAGE_ID, f"<{activity}@contoso.example>", known),
        Link(LinkKind.TOKEN, f"CRM:{activity}", known),
    )
    return Prepared(state=composed(activity, beside=bool(packed)), packed=packed, links=links)


class TestOutgoingStates:
    def test_what_was_composed_first_stands(self, stores: Stores) -> None:
        assert stores.outgoing.get("e1") is None

        assert stores.outgoing.prepare(composed()) == composed()
        assert stores.outgoing.prepare(composed(message_id="<other@x>")) == composed()
        assert stores.outgoing.get("e1") == composed()

    def test_results_are_not_written_over_what_was_reported_meanwhile(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed(recipients=("ann@fabrikam.example", "bob@fabrikam.example")))
        claimed = stores.outgoing.claim("e1", NOW, "request")
        assert claimed
        bounced = (
            RecipientResult("bob@fabrikam.example", SendOutcome.REFUSED, "no such user", reported=Reported.BOUNCED),
        )
        assert stores.outgoing.note(claimed, EmailStatus.SENDING, later(1), evidence="bounced", results=bounced)
        taken = (RecipientResult("bob@fabrikam.example", SendOutcome.ACCEPTED, "250"),)

        assert not stores.outgoing.settle(claimed, EmailStatus.SENT, later(2), evidence="sent", results=taken)
        stands = stores.outgoing.get("e1")
        assert stands
        assert stands.results == bounced
        assert stores.outgoing.settle(stands, EmailStatus.SENT, later(3), evidence="sent", results=bounced)
        assert not stores.outgoing.settle(claimed, EmailStatus.SENT, later(4), evidence="sent again", results=taken)

    def test_what_knows_no_results_is_settled_beside_a_report(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "request")
        assert claimed
        bounced = (
            RecipientResult("bob@fabrikam.example", SendOutcome.REFUSED, "no such user", reported=Reported.BOUNCED),
        )
        assert stores.outgoing.note(claimed, EmailStatus.SENDING, later(1), evidence="bounced", results=bounced)

        assert stores.outgoing.settle(claimed, EmailStatus.SENT, later(2), evidence="sent")
        stands = stores.outgoing.get("e1")
        assert stands
        assert stands.results == bounced

    def test_those_composed_together_stand_with_their_bytes_and_ways_back(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed("e2"))
        given = [prepared(f"e{number}", packed=b"x" * number) for number in range(40)]

        stand = stores.outgoing.prepare_all(given)

        assert stand == {one.state.activity: one.state for one in given} | {"e2": composed("e2")}
        assert stores.outgoing.several(list(stand)) == stand
        assert stores.outgoing.packed("e39") == b"x" * 39
        for without in ("e0", "e2", "never"):
            with pytest.raises(KeyError):
                stores.outgoing.packed(without)
        found = stores.ledger.find(
            Wanted(message_ids=("<e1@contoso.example>", "<e2@contoso.example>"), tokens=("CRM:e39",))
        )
        assert found.message_ids.keys() == {"<e1@contoso.example>"}
        assert found.tokens["CRM:e39"].activity == "e39"

    def test_a_way_back_that_a_newer_e_mail_holds_keeps_no_state_back(self, stores: Stores) -> None:
        newer = KnownEmail(activity="newer", at=later(9), token="CRM:e1")
        stores.ledger.link([Link(LinkKind.TOKEN, "CRM:e1", newer)])

        stand = stores.outgoing.prepare_all([prepared("e1"), prepared("e2")])

        assert stand.keys() == {"e1", "e2"}
        found = stores.ledger.find(Wanted(message_ids=("<e1@contoso.example>",), tokens=("CRM:e1", "CRM:e2")))
        assert {token: email.activity for token, email in found.tokens.items()} == {"CRM:e1": "newer", "CRM:e2": "e2"}
        assert found.message_ids["<e1@contoso.example>"].activity == "e1"

    def test_one_with_very_many_ways_back_is_written_whole(self, stores: Stores) -> None:
        known = KnownEmail(activity="e1", at=NOW)
        links = tuple(Link(LinkKind.THREAD, f"thread {number}", known) for number in range(250))

        stores.outgoing.prepare_all([Prepared(state=composed(), links=links)])

        assert stores.outgoing.get("e1") == composed()
        found = stores.ledger.find(Wanted(threads=tuple(f"thread {number}" for number in range(250))))
        assert len(found.threads) == 250

    def test_the_providers_id_leads_to_an_e_mail_once_that_is_settled(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        link = Link(LinkKind.MESSAGE_ID, "ses-1", KnownEmail(activity="e1", at=NOW))
        stale = Link(LinkKind.MESSAGE_ID, "ses-2", KnownEmail(activity="e1", at=NOW))

        settled = [
            stores.outgoing.settle(state, EmailStatus.SENT, NOW, evidence="ok", links=[one])
            for state, one in ((replace(claimed, token=9), stale), (claimed, link), (claimed, link))
        ]

        assert settled == [False, True, True]
        found = stores.ledger.find(Wanted(message_ids=("ses-1", "ses-2")))
        assert {name: email.activity for name, email in found.message_ids.items()} == {"ses-1": "e1"}

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
            (EmailStatus.SENDING, "an attempt begins"),
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

    def test_a_report_may_give_the_state_another_reason_than_the_history_its_evidence(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")

        noted = stores.outgoing.note(
            stores.outgoing.get("e1"),
            EmailStatus.SENT,
            later(1),
            evidence="delay",
            results=(),
            reason="as it was",
            request="r2",
        )

        state = stores.outgoing.get("e1")
        assert (noted, state.reason) == (True, "as it was")
        assert state.history[-1] == HistoryEntry(later(1), EmailStatus.SENT, "delay", "r2")

    def test_reports_without_end_leave_the_first_and_the_latest_of_a_history(self, stores: Stores) -> None:
        stores.outgoing.prepare(composed())
        claimed = stores.outgoing.claim("e1", NOW, "r1")
        stores.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")

        for number in range(MOST_HISTORY + 20):
            stores.outgoing.note(
                stores.outgoing.get("e1"), EmailStatus.SENT, later(number), evidence=f"report {number}", results=()
            )

        history = stores.outgoing.get("e1").history
        assert len(history) == MOST_HISTORY
        assert [one.evidence for one in history[:3]] == [BEGUN, "250 ok", "report 0"]
        assert history[FIRST_HISTORY - 1].evidence == f"report {FIRST_HISTORY - 3}"
        assert [one.evidence for one in history[-2:]] == [f"report {MOST_HISTORY + number}" for number in (18, 19)]

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
