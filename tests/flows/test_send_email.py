"""The outgoing road: composed once, claimed, sent at most once, and the result written back."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.errors import MailboxBlocked
from email_router.core.flows.send_email import SendEmail
from email_router.core.ledger import KnownEmail, Wanted
from email_router.core.mailbox import Direction
from email_router.core.parse import parse
from email_router.core.sending import RecipientResult, SendOutcome, SendResult
from email_router.core.work import OutgoingWork
from email_router.core.write_back import WriteBack
from tests.fakes import fail
from tests.flows.house import NOW, SALES
from tests.flows.office import ERIN, Office


def test_an_e_mail_leaves_with_a_token_and_is_written_back() -> None:
    office = Office()
    office.write()

    office.send()

    ((envelope, raw),) = office.sender.sent
    message, email = parse(raw), office.crm.activities["e1"]
    assert message.subject == "Your order CRM:0001001"
    assert (email.status, email.subject, email.tracking_token) == (EmailStatus.SENT, message.subject, "CRM:0001001")
    assert email.message_id == message.message_id
    assert envelope.recipients == (ERIN, "boss@contoso.example")
    assert b"boss@" not in raw


def test_its_message_id_and_token_lead_back_to_it() -> None:
    office = Office()
    office.write()
    office.send()
    email = office.crm.activities["e1"]

    found = office.ledger.find(Wanted(message_ids=(email.message_id or "",), tokens=("CRM:0001001",)))

    assert found.message_ids[email.message_id or ""].activity == "e1"
    assert found.tokens["CRM:0001001"].activity == "e1"


def test_a_long_subject_leaves_with_its_token_within_the_255_characters_of_the_crm() -> None:
    office = Office()
    office.write(subject="Größe und Gewicht " * 20)

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert state.tracking_token
    left = message_from_bytes(office.sender.sent[0][1], policy=policy.default)["Subject"]
    assert len(left) == 255
    assert left.endswith(f" {state.tracking_token}")
    assert office.crm.activities["e1"].subject == left == state.subject


def test_an_answer_keeps_its_threads_token_and_references() -> None:
    office = Office()
    parent = EmailActivity(
        id="p1",
        direction=Direction.INCOMING,
        status=EmailStatus.RECEIVED,
        message_id="<q2@fabrikam.example>",
        references=("<q1@fabrikam.example>",),
        tracking_token="CRM:0009009",
    )
    office.crm.activities["p1"] = parent
    office.write(correlated="p1", subject="Re: Question CRM:0009009")

    office.send()

    message = parse(office.sender.sent[0][1])
    assert message.subject == "Re: Question CRM:0009009"
    assert message.in_reply_to == "<q2@fabrikam.example>"
    assert message.references == ("<q1@fabrikam.example>", "<q2@fabrikam.example>")


def test_a_token_of_a_live_conversation_is_skipped() -> None:
    office = Office()
    living = KnownEmail(activity="other", at=NOW, token="CRM:0001001")
    office.ledger.reserve_token("CRM:0001001", living, NOW - timedelta(days=90))
    office.write()

    office.send()

    assert office.crm.activities["e1"].tracking_token == "CRM:0001002"


def test_an_order_that_comes_twice_sends_once() -> None:
    office = Office()
    office.write()

    office.send("e1", "e1")
    office.send("e1")

    assert len(office.sender.sent) == 1


def test_an_unknown_result_is_never_sent_again() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.UNKNOWN, evidence="line broke after the final dot")]
    office.send()
    office.clock.advance(86_400)

    office.collect()
    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.UNKNOWN
    assert office.queues.outgoing == []
    assert len(office.sender.sent) == 1


def test_a_worker_that_died_after_the_claim_leaves_an_unknown_result_after_the_delay() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SystemExit(9)]  # what a kill looks like from inside
    with pytest.raises(SystemExit):
        SendEmail(office.road()).send(OutgoingWork("contoso", "out", SALES, ("e1",)), NOW + timedelta(seconds=240))
    assert office.collect() == 0
    office.clock.advance(1801)

    assert office.collect() == 1
    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.UNKNOWN
    assert office.sender.sent == []


def test_a_temporary_refusal_is_tried_again_with_the_same_bytes_until_the_attempts_are_used_up() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later")] * 10
    for _ in range(12):
        office.send()
        office.clock.advance(2000)

    email = office.crm.activities["e1"]
    assert (email.status, email.attempts) == (EmailStatus.FAILED, 10)
    assert "451 later" in (email.reason or "")
    assert len({raw for _, raw in office.sender.sent}) == 1


def test_a_refused_login_lets_the_e_mail_wait_and_tells_how_to_mend_it() -> None:
    office = Office()
    office.write()
    office.sender.answers = [MailboxBlocked("login refused", mend="Check the password.")]

    office.send()

    email = office.crm.activities["e1"]
    assert (email.status, email.attempts) == (EmailStatus.PENDING, 0)
    assert email.reason == "login refused Check the password."


def test_a_refusal_for_good_fails_with_the_servers_words() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.REFUSED, evidence="550 5.1.1 no such user")]

    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.FAILED
    assert office.crm.activities["e1"].reason == "550 5.1.1 no such user"


def test_a_recipient_that_was_refused_stands_in_the_reason_of_a_sent_e_mail() -> None:
    office = Office()
    office.write()
    refused = RecipientResult("boss@contoso.example", SendOutcome.REFUSED, "550 no such user")
    office.sender.answers = [SendResult(outcome=SendOutcome.ACCEPTED, evidence="250 ok", recipients=(refused,))]

    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.SENT
    assert "550 no such user" in (office.crm.activities["e1"].reason or "")


def test_an_e_mail_cancelled_in_time_is_not_sent() -> None:
    office = Office()
    office.write()
    office.crm.cancel("e1")

    office.send()

    assert office.sender.sent == []
    assert office.crm.activities["e1"].status is EmailStatus.CANCELLED


def test_a_write_back_that_failed_is_made_good_by_the_next_order() -> None:
    office = Office()
    office.write()
    real = office.crm.write_back

    def only_claims(told: WriteBack) -> bool:
        if told.status is EmailStatus.SENT:
            raise MailboxBlocked("the CRM is away")
        return real(told)

    office.crm.write_back = only_claims  # type: ignore[method-assign]  # the fake of this test
    with pytest.raises(MailboxBlocked):
        office.send()
    office.crm.write_back = real  # type: ignore[method-assign]  # back again
    office.clock.advance(1801)

    office.collect()
    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.SENT
    assert len(office.sender.sent) == 1


def test_an_e_mail_without_a_recipient_fails_with_a_word() -> None:
    office = Office()
    office.write(parties=(Party(Role.FROM, SALES, "Sales"),))

    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.FAILED
    assert "no recipient" in (office.crm.activities["e1"].reason or "")


def test_what_is_collected_is_not_collected_again_before_the_delay() -> None:
    office = Office()
    office.write()

    assert (office.collect(), office.collect()) == (1, 0)
    office.clock.advance(301)
    assert office.collect() == 1


def test_e_mails_of_a_sender_without_a_profile_stay_pending_and_say_why() -> None:
    office = Office()
    office.write(parties=(Party(Role.FROM, "nobody@contoso.example"), Party(Role.TO, ERIN)))

    assert office.collect() == 0

    assert office.crm.activities["e1"].status is EmailStatus.PENDING
    assert "no outgoing profile" in (office.crm.activities["e1"].reason or "")


def test_the_id_that_ses_gave_leads_to_the_e_mail_and_our_own_stands_in_references() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", provider_id="ses-1")]

    office.send()

    message = parse(office.sender.sent[0][1])
    assert message.references == (message.message_id,)
    assert office.ledger.find(Wanted(message_ids=("ses-1",))).message_ids["ses-1"].activity == "e1"


@pytest.mark.parametrize("named", ["e1", ""])
def test_a_bounce_event_turns_its_e_mail_to_failed_and_a_late_delivery_does_not_turn_it_back(named: str) -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", provider_id="ses-1")]
    office.send()

    assert office.report(activity=named) == "e1"
    office.report(activity=named, kind="delivery", permanent=False)
    office.report(activity=named)

    assert office.crm.activities["e1"].status is EmailStatus.FAILED
    assert office.meters.counts["OutgoingMessagesUndelivered"] == 1


@pytest.mark.parametrize(
    "event", [{}, {"kind": "delay"}, {"kind": "delivery"}, {"kind": "complaint"}, {"kind": "send"}], ids=str
)
def test_whatever_ses_reports_of_a_mail_it_has_taken_settles_that_it_was_taken(event: dict[str, object]) -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.UNKNOWN, evidence="timeout", provider_id=None)]
    office.send()

    office.report(activity="e1", permanent=False, **event)

    assert office.crm.activities["e1"].status is EmailStatus.SENT


def test_an_event_of_an_unknown_e_mail_is_nobodys() -> None:
    office = Office(server="ses")

    assert office.report() is None


def test_a_store_that_is_away_sends_the_order_back_with_nothing_sent() -> None:
    office = Office()
    office.write()
    fail(office.outgoing, "claim", MailboxBlocked("the store is away"))

    with pytest.raises(MailboxBlocked):
        office.send()

    assert office.sender.sent == []
