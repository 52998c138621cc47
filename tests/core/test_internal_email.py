"""Mail from one user or queue of the organisation to another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.acceptance import deciding_mailboxes
from email_router.core.activity import CorrelationMethod, Record
from email_router.core.case import Case, Match, Own, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept, Mailbox
from email_router.core.message import Address
from email_router.core.screening import ACCEPTANCE, screen
from email_router.core.screening.internal_email import ask_internal_email
from email_router.core.settings import Tracking
from tests.core.cases import ANN, BOB, CUSTOMER, ROUTER, SALES, accepting, case, known, mail, people

IGNORE = Tracking(internal_email="ignore")
NO_QUEUES = Tracking(internal_email="ignore", internal_email_to_queues=False)
MATCH = Match(known("order", CUSTOMER), CorrelationMethod.IN_REPLY_TO, "", "in_reply_to")
OURS = Own("out", ANN.address)
BOB_TAKES_ALL = accepting(BOB, Accept.ALL)


def internal(
    tracking: Tracking, *, sender: str = ANN.address, mailbox: Mailbox = BOB_TAKES_ALL, to: str = BOB.address
) -> Case:
    """Return the case of a mail of one mailbox of contoso to another."""
    one = case(mail(author=Address("", sender), to=people(to)), mailbox=mailbox)
    return replace(one, configuration=replace(one.configuration, tracking=tracking))


def rejected(one: Case) -> str:
    """Return why the mail is rejected as internal, or an empty text."""
    said = ask_internal_email(one)
    if not isinstance(said, Verdict):
        return ""
    assert (said.outcome, said.reason) == (Outcome.IGNORED, "internal_email_reject")
    return said.evidence


def passed(one: Case) -> str:
    """Return what was seen when the mail passes."""
    said = ask_internal_email(one)
    assert said is None or isinstance(said, Passed)
    return said.evidence if said else ""


def test_internal_mail_is_tracked_unless_the_organisation_says_otherwise() -> None:
    one = internal(Tracking())

    assert passed(one) == "ann@contoso.example is a user of the organisation; internal mail is tracked"
    verdict = screen(one, ACCEPTANCE).verdict
    assert verdict is not None
    assert verdict.reason == "accept_all"


def test_ignored_internal_mail_is_rejected_whoever_would_accept_it() -> None:
    one = internal(IGNORE)

    assert rejected(one) == "ann@contoso.example is a user of the organisation, and internal mail is not tracked"
    assert screen(one, ACCEPTANCE).question == "internal_email"


@pytest.mark.parametrize(
    ("address", "kinds"),
    [(CUSTOMER, ()), (CUSTOMER, ("contact", "lead")), (ROUTER.address, ())],
    ids=["unknown", "a contact", "the forward mailbox"],
)
def test_mail_from_anybody_else_is_not_internal(address: str, kinds: tuple[str, ...]) -> None:
    one = replace(internal(IGNORE, sender=address), sender_records=tuple(Record(kind, "1") for kind in kinds))

    assert ask_internal_email(one) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("info@contoso.example", "queue"),
        ("sales+x@contoso.example", "queue"),
        ("Ann@Contoso.example", "user"),
    ],
)
def test_an_alias_or_plus_address_of_a_mailbox_is_internal_too(address: str, kind: str) -> None:
    assert (
        rejected(internal(IGNORE, sender=address))
        == f"{address} is a {kind} of the organisation, and internal mail is not tracked"
    )


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [(("user",), "user"), (("queue",), "queue"), (("queue", "user"), "user"), (("contact", "queue"), "queue")],
)
def test_a_user_or_queue_of_the_crm_is_internal_without_a_mailbox_here(kinds: tuple[str, ...], kind: str) -> None:
    records = tuple(Record(one, "1") for one in kinds)
    one = replace(internal(IGNORE, sender="zoe@contoso.example"), sender_records=records)

    assert f"zoe@contoso.example is a {kind} of" in rejected(one)


def test_records_that_stand_for_nobody_make_nobody_internal() -> None:
    several = Tracking(internal_email="ignore", ambiguous_sender="unresolved")
    one = replace(internal(several, sender="zoe@contoso.example"), sender_records=(Record("user", "1"),) * 2)

    assert ask_internal_email(one) is None


def test_the_configured_kind_of_a_mailbox_counts_before_the_crms() -> None:
    tracking = Tracking(internal_email_from_queues=False)
    one = replace(internal(tracking), sender_records=(Record("queue", "q1"),))

    assert "is a user of" in passed(one)


def test_a_from_in_doubt_is_not_internal_however_it_was_sent() -> None:
    one = internal(IGNORE)
    doubtful = replace(one, message=replace(one.message, author=None, sender=Address("", ANN.address)))

    assert ask_internal_email(replace(doubtful, sender_records=(Record("user", "1"),))) is None


def test_whoever_borrows_an_internal_address_is_let_in_by_nothing_here() -> None:
    borrowed = internal(Tracking(), mailbox=accepting(BOB, Accept.REPLIES))

    verdict = screen(borrowed, ACCEPTANCE).verdict

    assert verdict is not None
    assert verdict.outcome is Outcome.IGNORED


@pytest.mark.parametrize("to_queue", [SALES.address, "info@contoso.example"])
def test_internal_mail_to_a_queue_is_tracked_all_the_same(to_queue: str) -> None:
    one = internal(IGNORE, to=to_queue)

    assert passed(one) == (
        "ann@contoso.example is a user of the organisation; mail to the queue sales@contoso.example is tracked"
    )
    assert rejected(internal(NO_QUEUES, to=to_queue))


def test_a_queue_that_takes_no_mail_makes_no_exception() -> None:
    one = internal(IGNORE, to=SALES.address)
    boxes = tuple(
        replace(box, accept=Accept.NONE) if box.key == SALES.key else box for box in one.configuration.mailboxes
    )
    closed = replace(one, configuration=replace(one.configuration, mailboxes=boxes))

    assert deciding_mailboxes(closed) == (BOB_TAKES_ALL,)
    assert rejected(closed)


@pytest.mark.parametrize("tracking", [IGNORE, NO_QUEUES])
def test_a_reply_within_the_organisation_of_which_no_copy_was_sent_by_the_router_is_tracked(tracking: Tracking) -> None:
    one = replace(internal(tracking), match=MATCH)

    assert passed(one) == (
        "ann@contoso.example is a user of the organisation; "
        "it continues activity order, and no copy that the router sent is known"
    )


def test_a_reply_that_the_router_sent_itself_is_tracked_as_its_outgoing_copy_alone() -> None:
    one = replace(internal(IGNORE), match=MATCH)
    marked = replace(one, message=replace(one.message, headers=(("x-emailrouter", "contoso;out"),)))
    foreign = replace(one, message=replace(one.message, headers=(("x-emailrouter", "fabrikam;out"),)))

    assert rejected(replace(one, own=OURS))
    assert rejected(replace(marked, own=OURS))
    assert not rejected(marked)  # this router has sent no activity of that name
    assert not rejected(foreign)


@pytest.mark.parametrize("mode", ["track", "ignore"])
def test_mail_from_a_queue_is_never_tracked_where_that_is_switched_off(mode: str) -> None:
    tracking = Tracking(internal_email=mode, internal_email_from_queues=False)
    to_queue = replace(
        internal(tracking, sender=SALES.address, to="info@contoso.example"),
        match=MATCH,
    )

    assert (
        rejected(to_queue)
        == "sales@contoso.example is a queue of the organisation, and mail from queues is not tracked"
    )
    assert rejected(internal(tracking, sender=SALES.address))


def test_mail_from_a_queue_is_internal_mail_like_any_other_where_it_is_switched_on() -> None:
    assert passed(internal(Tracking(), sender=SALES.address)) == (
        "sales@contoso.example is a queue of the organisation; internal mail is tracked"
    )
    assert rejected(internal(IGNORE, sender=SALES.address))


def test_mail_from_a_user_is_tracked_where_mail_from_queues_is_not() -> None:
    assert passed(internal(Tracking(internal_email_from_queues=False)))
