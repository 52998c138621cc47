"""Automatic answers between two routers end by themselves, whoever marks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.flows import undeliverable
from email_router.core.mailbox import AutomaticMail, Mailbox
from email_router.core.sending import OutgoingState
from email_router.core.settings import Tracking
from tests.flows.company import Company, correspond

SOON = timedelta(seconds=20)
POLICIES = list(AutomaticMail)


@pytest.mark.parametrize("here", POLICIES)
@pytest.mark.parametrize("there", POLICIES)
def test_where_both_mark_what_is_automatic_no_answer_is_answered(here: AutomaticMail, there: AutomaticMail) -> None:
    contoso, fabrikam = Company("contoso", policy=here), Company("fabrikam", policy=there)

    sent = correspond(contoso, fabrikam, pause=SOON)

    assert sent == 2
    assert fabrikam.read()[0].header("auto-submitted") == "auto-replied"
    wanted = here is not AutomaticMail.DROP
    assert [one.automatic for one in contoso.received()] == ([True] if wanted else [])
    assert ["automatic" in one.flags for one in contoso.received()] == ([True] if wanted else [])
    assert len(contoso.refused) == (1 if wanted else 0)
    assert all("is automatic, and so is the e-mail" in one.evidence for one in contoso.refused)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("server", ["smtp", "ses"])
@pytest.mark.parametrize("tracking", [Tracking(), Tracking(tokens=False), Tracking(correlation=False)])
def test_where_nobody_marks_them_a_person_is_asked_after_ten_rounds(
    policy: AutomaticMail, server: str, tracking: Tracking
) -> None:
    contoso = Company("contoso", marks=False, policy=policy, server=server, tracking=tracking)
    fabrikam = Company("fabrikam", marks=False, policy=policy, server=server, tracking=tracking)

    sent = correspond(contoso, fabrikam, pause=SOON)

    assert sent <= 24
    (held,) = [*contoso.quarantine.entries(), *fabrikam.quarantine.entries()]
    assert (held.reason, held.text) == ("loop", "10 answers in a row followed within two minutes")
    assert "answers automatically" in held.mend
    assert len(contoso.received()) + len(fabrikam.received()) == sent - 1


def test_where_one_side_marks_them_its_partner_drops_them() -> None:
    contoso = Company("contoso", marks=False, policy=AutomaticMail.DROP)
    fabrikam = Company("fabrikam", marks=True, policy=AutomaticMail.DROP)

    assert correspond(contoso, fabrikam, pause=SOON) == 2


def test_people_who_take_their_time_are_never_stopped() -> None:
    contoso, fabrikam = Company("contoso", marks=False), Company("fabrikam", marks=False)

    sent = correspond(contoso, fabrikam, pause=timedelta(minutes=3), rounds=60)

    assert sent == 61
    assert [*contoso.quarantine.entries(), *fabrikam.quarantine.entries()] == []


def test_two_installations_that_bear_the_same_name_exchange_mail_like_any_others() -> None:
    contoso = Company("contoso", organisation="main")
    fabrikam = Company("fabrikam", organisation="main", marks=False)

    raw = contoso.write("notice", fabrikam.address, automatic=True)
    fabrikam.receive(*raw)

    (notice,) = fabrikam.received()
    assert notice.automatic
    assert contoso.read()[0].header("auto-submitted") == "auto-generated"
    assert contoso.read()[0].header("x-auto-response-suppress") == "OOF, AutoReply"


def test_an_e_mail_of_a_person_bears_no_mark_of_a_machine() -> None:
    contoso = Company("contoso")

    contoso.write("letter", "erin@fabrikam.example")

    assert contoso.read()[0].header("auto-submitted") is None
    assert contoso.read()[0].header("x-auto-response-suppress") is None


def answer(*fields: str, sender: str = "robot@fabrikam.example") -> bytes:
    head = (
        f"From: {sender}",
        "To: support@contoso.example",
        "Subject: Noted",
        "Message-ID: <r1@fabrikam.example>",
        *fields,
    )
    return "\r\n".join((*head, "Auto-Submitted: auto-replied", "", "Hello", "")).encode()


def test_a_robot_that_repeats_our_mark_is_a_loop_and_one_that_repeats_anothers_is_not() -> None:
    contoso = Company("contoso")
    contoso.write("letter", "robot@fabrikam.example")

    contoso.receive(answer("X-EmailRouter: contoso;contoso-letter"))
    contoso.receive(answer("X-EmailRouter: contoso;of-another-installation").replace(b"<r1@", b"<r2@"))

    outcomes = [(one.outcome.value, one.reason) for one in contoso.ledger.traces_since(contoso.clock.at - SOON)]
    assert sorted(outcomes) == [("delivered", "accept_all"), ("ignored", "loop")]


def test_our_own_automatic_mail_within_the_organisation_is_no_loop() -> None:
    contoso = Company("contoso")
    contoso.configuration = replace(
        contoso.configuration, mailboxes=(*contoso.configuration.mailboxes, Mailbox(address="ann@contoso.example"))
    )
    ann = OutgoingState(
        activity="anns-letter", status=EmailStatus.SENT, sender="ann@contoso.example", changed=contoso.clock.at
    )
    contoso.outgoing.prepare(ann)

    contoso.receive(answer("X-EmailRouter: contoso;anns-letter", sender="ann@contoso.example"))

    (trace,) = contoso.ledger.traces_since(contoso.clock.at - SOON)
    assert trace.reason == "accept_all"


def test_the_usual_answer_costs_no_further_read() -> None:
    contoso = Company("contoso", marks=False)
    contoso.receive(answer().replace(b"Auto-Submitted: auto-replied\r\n", b""))
    asked: list[object] = []
    find = contoso.ledger.find
    contoso.ledger.find = lambda wanted: asked.append(wanted) or find(wanted)  # type: ignore[method-assign, func-returns-value]  # counts

    contoso.clock.advance(121)
    contoso.answers()

    assert asked == []


def test_whoever_lets_a_held_mail_be_tried_again_gets_it_and_the_conversation_goes_on() -> None:
    contoso, fabrikam = Company("contoso", marks=False), Company("fabrikam", marks=False)
    correspond(contoso, fabrikam, pause=SOON)
    holder = contoso if contoso.quarantine.entries() else fabrikam
    (held,) = holder.quarantine.entries()
    before = len(holder.received())

    holder.clock.advance(600)
    undeliverable.retry(held, holder.states, holder.quarantine, holder.clock)
    holder.receive()

    assert holder.quarantine.entries() == []
    assert len(holder.received()) == before + 1
