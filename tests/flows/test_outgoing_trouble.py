"""What goes wrong on the outgoing road: nothing is sent twice, nothing is called unknown that is known, and every end has its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from email_router.core.activity import EmailStatus, Party, Role, StoredAttachment
from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater
from email_router.core.ledger import Wanted
from email_router.core.octets import Octets
from email_router.core.sending import Envelope, RecipientResult, SendOutcome, SendResult
from tests.fakes import fail, fail_after
from tests.flows.house import SALES
from tests.flows.office import ERIN, Office

AWAY = TryLater("the store is away", shared=True)
BY_SES = SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", provider_id="ses-1")


def status(office: Office, name: str = "e1") -> EmailStatus:
    """Where the e-mail stands for the CRM, which must be where it stands."""
    state = office.outgoing.get(name)
    assert state is None or state.status is office.crm.activities[name].status
    return office.crm.activities[name].status


def meanwhile(office: Office, act: Callable[[], object]) -> None:
    """Let something happen while the next e-mail is on the line."""
    real = office.sender.send

    def send(envelope: Envelope, composed: Octets) -> SendResult:
        office.sender.send = real  # type: ignore[method-assign]  # once
        result = real(envelope, composed)
        act()
        return result

    office.sender.send = send  # type: ignore[method-assign]  # the fake of this test


@pytest.mark.parametrize("lost", ["claim", "write_back"])
def test_an_attempt_that_could_not_begin_is_put_off_and_not_called_unknown(lost: str) -> None:
    office = Office()
    office.write()
    port = office.outgoing if lost == "claim" else office.crm
    (fail_after if lost == "claim" else fail)(port, lost, AWAY)
    with pytest.raises(TryLater):
        office.send()
    office.clock.advance(1)

    office.send()

    assert status(office) is EmailStatus.SENT
    assert len(office.sender.sent) == 1


def test_a_bounce_that_comes_before_the_answer_wins() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [BY_SES]
    meanwhile(office, lambda: office.report(activity="e1"))

    office.send()

    assert status(office) is EmailStatus.FAILED
    assert "5.1.1" in (office.crm.activities["e1"].reason or "")


def test_an_event_that_comes_again_makes_good_what_the_first_one_left_undone() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [BY_SES]
    office.send()
    fail(office.crm, "write_back", AWAY)
    with pytest.raises(TryLater):
        office.report(activity="e1")

    office.report(activity="e1")

    assert status(office) is EmailStatus.FAILED
    assert office.meters.counts["OutgoingMessagesUndelivered"] == 1


def test_the_providers_id_leads_to_the_e_mail_though_the_worker_died_before_it_was_written() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [BY_SES]
    real = office.ledger.link
    fail_after(office.outgoing, "settle", AWAY)
    with pytest.raises(TryLater):
        office.send()
    assert office.ledger.link == real

    office.send()

    assert office.ledger.find(Wanted(message_ids=("ses-1",))).message_ids["ses-1"].activity == "e1"
    assert status(office) is EmailStatus.SENT


def test_the_providers_id_is_learned_from_its_event_where_the_answer_was_lost() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.UNKNOWN, evidence="timeout")]
    office.send()

    office.report(activity="e1", kind="delivery", permanent=False)

    email = office.crm.activities["e1"]
    assert office.ledger.find(Wanted(message_ids=("ses-1",))).message_ids["ses-1"].activity == "e1"
    assert (status(office), email.tracking_token) == (EmailStatus.SENT, "CRM:0001001")


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (SendOutcome.ACCEPTED, EmailStatus.SENT),
        (SendOutcome.DEFERRED, EmailStatus.DEFERRED),
        (SendOutcome.REFUSED, EmailStatus.FAILED),
        (SendOutcome.UNKNOWN, EmailStatus.UNKNOWN),
    ],
)
def test_a_worker_that_was_only_slow_tells_what_became_of_it_in_the_end(
    outcome: SendOutcome, ends: EmailStatus
) -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=outcome, evidence="in the end")]

    def another_worker() -> None:
        office.clock.advance(1801)
        office.send()
        assert status(office) is EmailStatus.UNKNOWN

    meanwhile(office, another_worker)

    office.send()

    assert status(office) is ends


def test_what_was_composed_and_is_gone_fails_with_a_word() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later")]
    office.send()
    office.lose_composed()
    office.clock.advance(2000)

    office.send()

    assert status(office) is EmailStatus.FAILED
    assert "no longer kept" in (office.crm.activities["e1"].reason or "")


def test_an_e_mail_that_cannot_be_made_fails_alone() -> None:
    office = Office()
    gone = StoredAttachment("a.csv", "text/csv", 3, "0", inline=False, content_id=None, blob="attachment/0")
    office.write("e1", attachments=(gone,))
    office.write("e2", parties=(Party(Role.FROM, SALES), Party(Role.TO, ERIN), Party(Role.BCC, "a@b\r\nRCPT TO:<c@d>")))
    office.write("e3", importance="urgent")

    office.send("e1", "e2", "e3")

    assert [status(office, one) for one in ("e1", "e2", "e3")] == [
        EmailStatus.FAILED,
        EmailStatus.FAILED,
        EmailStatus.SENT,
    ]
    assert "attachments" in (office.crm.activities["e1"].reason or "")
    assert "address" in (office.crm.activities["e2"].reason or "")


def test_more_attachments_than_can_be_composed_are_refused_before_one_is_read() -> None:
    office = Office()
    half = 125 * 1024 * 1024 + 1
    large = StoredAttachment("a.iso", "x/y", half, "0", inline=False, content_id=None, blob="attachment/0")
    office.write("e1", attachments=(large, replace(large, name="b.iso")))

    office.send("e1")

    assert status(office, "e1") is EmailStatus.FAILED
    assert f"attachments of {2 * half} bytes" in (office.crm.activities["e1"].reason or "")


def test_what_the_crm_calls_sending_and_nobody_knows_of_is_not_sent_blindly() -> None:
    office = Office()
    office.write(status=EmailStatus.SENDING)

    office.send()

    assert status(office) is EmailStatus.UNKNOWN
    assert office.sender.sent == []


@pytest.mark.parametrize("trouble", [MailboxBlocked("no password", mend="Set it."), ConfigurationError("host: empty")])
def test_e_mails_whose_sender_cannot_be_opened_wait_and_say_why(trouble: Exception) -> None:
    office = Office()
    office.write()
    road = office.road

    def broken(*_given: Any) -> Any:
        raise trouble

    office.road = lambda: replace(road(), open_sender=broken)  # type: ignore[method-assign]  # the fake of this test

    office.send()

    email = office.crm.activities["e1"]
    assert (email.status, str(trouble) in (email.reason or "")) == (EmailStatus.PENDING, True)


BLOCKED = MailboxBlocked("sales@contoso.example: Amazon SES: sending is paused", kind="ses", mend="Resume sending.")


@pytest.mark.parametrize("trouble", [BLOCKED, ConfigurationError("ca_bundle: expected certificates, seen none")])
def test_what_blocks_the_sender_while_it_sends_is_no_attempt_of_any_e_mail(trouble: Exception) -> None:
    office = Office()
    for name in ("e1", "e2", "e3"):
        office.write(name)
    office.sender.answers = [trouble] * 15

    for _ in range(15):  # more often than there are attempts
        office.send("e1", "e2", "e3")
        office.clock.advance(301)

    assert office.sender.answers == []  # one try each time, for all of them
    for name in ("e1", "e2", "e3"):
        email = office.crm.activities[name]
        assert (status(office, name), email.attempts) == (EmailStatus.PENDING, 0)
        assert str(trouble) in (email.reason or "")
    state = office.outgoing.get("e1")
    assert state is not None
    assert state.attempts == 0
    (alert,) = office.alerts.all()
    assert (alert.kind, alert.about) == ("sender_blocked", SALES)
    assert str(trouble) in alert.text


def test_a_sender_whose_secret_was_changed_waits_for_the_next_attempt_and_nobody_is_told() -> None:
    office, renewed = Office(), Mock(return_value=True)
    office.renewed = renewed
    office.write("e1")
    office.sender.answers = [MailboxBlocked("refused", kind="login_refused")]

    office.send("e1")
    first = status(office)
    office.clock.advance(301)
    office.send("e1")

    assert (first, status(office)) == (EmailStatus.PENDING, EmailStatus.SENT)
    renewed.assert_called_once()
    assert list(office.alerts.all()) == []


def test_the_e_mails_of_a_sender_that_was_mended_leave_and_the_alert_goes() -> None:
    office = Office()
    office.write("e1")
    office.write("e2")
    office.sender.answers = [BLOCKED]
    office.send("e1", "e2")
    office.clock.advance(301)

    office.collect()
    office.carry_out(office.queues.outgoing[-1])

    assert [status(office, name) for name in ("e1", "e2")] == [EmailStatus.SENT] * 2
    assert [envelope.activity for envelope, _ in office.sender.sent] == ["e1", "e2"]
    assert office.alerts.all() == []
    assert [office.crm.activities[name].attempts for name in ("e1", "e2")] == [1, 1]


def test_a_blocked_sender_takes_nothing_from_the_days_that_a_server_in_trouble_is_waited_for() -> None:
    office = Office()
    office.write()
    office.sender.answers = [BLOCKED]
    office.send()
    office.clock.advance(6 * 24 * 3600)
    office.sender.answers = [BLOCKED, AWAY]
    office.send()
    office.clock.advance(301)

    office.send()

    assert (status(office), office.crm.activities["e1"].attempts) == (EmailStatus.DEFERRED, 0)


def test_an_e_mail_that_some_have_already_is_not_called_untouched_when_its_sender_is_blocked() -> None:
    office = Office()
    office.write()
    put_off = RecipientResult(ERIN, SendOutcome.DEFERRED, "451 later")
    office.sender.answers = [SendResult(outcome=SendOutcome.ACCEPTED, evidence="250", recipients=(put_off,)), BLOCKED]
    office.send()
    office.clock.advance(2000)

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert (state.status, state.attempts) == (EmailStatus.PENDING, 1)
    assert office.crm.activities["e1"].status is EmailStatus.SENDING  # nobody is to cancel it
    office.clock.advance(2000)
    office.send()
    assert [envelope.recipients for envelope, _ in office.sender.sent][1:] == [(ERIN,)]
    assert status(office) is EmailStatus.SENT


def test_an_e_mail_that_cannot_be_made_leaves_its_owner_a_note() -> None:
    office = Office()
    office.write(importance="")
    office.write("e2", parties=(Party(Role.FROM, SALES), Party(Role.TO, "nobody at all")))

    office.send("e1", "e2")

    assert status(office, "e2") is EmailStatus.FAILED
    (note,) = office.crm.notes("e2")
    assert (note.owner, note.text.startswith("Not sent: ")) == (SALES, True)
    assert office.crm.notes("e1") == []


def test_an_e_mail_cancelled_after_it_was_put_off_waits_no_more() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later")]
    office.send()
    office.crm.cancel("e1")
    office.clock.advance(2000)

    office.send()

    assert status(office) is EmailStatus.CANCELLED
    assert len(office.sender.sent) == 1


def test_a_sent_e_mail_says_no_more_why_it_was_put_off() -> None:
    office = Office()
    office.write()
    office.sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later")]
    office.send()
    office.clock.advance(2000)

    office.send()

    assert (status(office), office.crm.activities["e1"].reason) == (EmailStatus.SENT, "250 ok")
