"""The router's own mail is known by the e-mail that its mark or id names, whoever the From says wrote it."""

from __future__ import annotations

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.sending import OutgoingState
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants
from tests.flows.house import ANN, NOW, SALES, House, mail
from tests.flows.test_screened_road import ERIN, sent, traces

MARK = "X-EmailRouter: contoso;out\r\n"
OUR_ID = "<sent@contoso.example>"
LIST = "Contoso Sales via Users <users@lists.example>"
REWRITTEN = {
    "by a list, mark and id kept": mail(1, sender=LIST, message_id=OUR_ID, extra=MARK),
    "by a list, the id kept": mail(1, sender=LIST, message_id=OUR_ID),
    "by a list, the mark kept": mail(1, sender="Users <users@lists.example>", extra=MARK),
    "by a rule of the recipient": mail(1, sender=ERIN, subject="FW: An order", extra=MARK),
    "not at all": mail(1, sender=SALES, message_id=OUR_ID, extra=MARK),
    "to two people": mail(1, sender=f"{SALES}, x@y.example", message_id=OUR_ID, extra=f"{MARK}Sender: x@y.example\r\n"),
}


def loop_answer(house: House) -> tuple[str, str, str]:
    """Return outcome and reason of the only message, and what the question about loops saw."""
    (trace,) = traces(house)
    seen = next(one.evidence for one in trace.answers if one.question == "loop")
    return trace.outcome.value, trace.reason, seen


@pytest.mark.parametrize("raw", REWRITTEN.values(), ids=REWRITTEN)
def test_own_mail_that_comes_back_to_its_sender_is_a_loop_however_its_from_was_rewritten(raw: bytes) -> None:
    house = House(raw)
    sent(house)

    house.route()

    outcome, reason, seen = loop_answer(house)
    assert (outcome, reason) == ("ignored", "loop")
    assert seen.endswith("and sales@contoso.example sent it")


@pytest.mark.parametrize("raw", REWRITTEN.values(), ids=REWRITTEN)
def test_own_mail_that_comes_to_another_mailbox_is_no_loop_and_the_trace_names_its_sender(raw: bytes) -> None:
    house = House()
    house.sources[ANN].put(raw)
    sent(house)

    house.route(ANN)

    _, reason, seen = loop_answer(house)
    assert reason != "loop"
    assert seen.endswith("which sales@contoso.example sent, not ann@contoso.example")


def test_a_mark_of_an_activity_that_this_router_has_not_sent_is_no_mark_of_ours() -> None:
    house = House(mail(1, sender=SALES, extra="X-EmailRouter: contoso;of-another-installation\r\n"))

    house.route()

    outcome, _, seen = loop_answer(house)
    assert outcome == "delivered"
    assert seen == "X-EmailRouter names activity of-another-installation, which this router has not sent"


def test_an_internal_reply_with_a_borrowed_mark_is_tracked_as_one_without() -> None:
    answer = "In-Reply-To: <sent@contoso.example>\r\nX-EmailRouter: contoso;of-another-installation\r\n"
    house = House(mail(1, sender=ANN, extra=answer))
    house.configure(tracking=Tracking(internal_email="ignore", internal_email_to_queues=False))
    sent(house)

    house.route()

    (trace,) = traces(house)
    assert (trace.outcome.value, trace.correlated) == ("delivered", "out")


def test_an_answer_that_repeats_our_mark_is_an_answer() -> None:
    house = House(mail(1, sender=ERIN, extra=f"In-Reply-To: {OUR_ID}\r\n{MARK}"))
    sent(house)

    house.route()

    outcome, _, seen = loop_answer(house)
    assert outcome == "delivered"
    assert seen == "it repeats the mark of activity out, which it answers"


def test_the_mailbox_that_sent_an_e_mail_is_known_by_its_aliases_too() -> None:
    house = House(mail(1, sender=LIST, extra=MARK))
    house.configure(aliases=("orders@contoso.example",))
    state = OutgoingState(activity="out", status=EmailStatus.SENT, sender="Orders@contoso.example", changed=NOW)
    house.outgoing.prepare(state)

    house.route()

    assert loop_answer(house)[:2] == ("ignored", "loop")


def test_an_id_that_leads_to_an_e_mail_which_the_router_never_took_up_is_not_its_own() -> None:
    known = KnownEmail(activity="elsewhere", participants=participants((SALES, ERIN)), at=NOW)
    house = House(mail(1, sender=SALES, message_id=OUR_ID))
    house.ledger.link([Link(LinkKind.MESSAGE_ID, OUR_ID, known)])

    house.route()

    assert loop_answer(house)[1:] == ("accept_all", "")


def test_a_mark_longer_than_an_activity_can_be_called_is_read_for_nothing() -> None:
    house = House(mail(1, extra=f"X-EmailRouter: contoso;{'a' * 2000}\r\n"))
    asked: list[str] = []
    real = house.outgoing.several
    house.outgoing.several = lambda activities: asked.extend(activities) or real(activities)  # type: ignore[method-assign,func-returns-value]  # listens

    house.route()

    assert asked == []
    assert loop_answer(house)[0] == "delivered"


def test_a_page_of_own_mail_asks_once_what_was_sent() -> None:
    house = House(*(mail(number, sender=LIST, extra=MARK.replace(";out", f";out{number}")) for number in range(25)))
    for number in range(25):
        state = OutgoingState(activity=f"out{number}", status=EmailStatus.SENT, sender=SALES, changed=NOW)
        house.outgoing.prepare(state)
    calls: list[int] = []
    real = house.outgoing.several
    house.outgoing.several = lambda activities: calls.append(len(activities)) or real(activities)  # type: ignore[method-assign,func-returns-value]  # listens

    house.route()

    assert calls == [25]
    assert {one.reason for one in traces(house)} == {"loop"}


@pytest.mark.parametrize(("sender", "reason"), [(SALES, "loop"), (ERIN, "accept_all"), (ANN, "accept_all")])
def test_the_mark_of_a_test_of_access_counts_only_in_mail_from_the_mailbox_itself(sender: str, reason: str) -> None:
    house = House(mail(1, sender=sender, extra="X-EmailRouter: contoso;access-test-1\r\n"))

    house.route()

    assert loop_answer(house)[1] == reason
