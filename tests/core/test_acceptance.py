"""Whose say counts when a mail comes in, and whom its sender stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from email_router.core.acceptance import accepted, deciding_mailboxes, sender_doubt, sender_kinds
from email_router.core.activity import Record
from email_router.core.case import Case
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept, Mailbox, MailboxKind
from email_router.core.screening import ACCEPTANCE, screen
from email_router.core.settings import Configuration, Tracking
from tests.core.cases import ANN, BOB, CUSTOMER, ROUTER, SALES, accepting, case, mail, people

SYNCING = Tracking(acceptance="syncing-mailbox")
UNRESOLVED = Tracking(ambiguous_sender="unresolved")
TWO = (Record("contact", "c1"), Record("contact", "c2"))


def tracked(one: Case, tracking: Tracking) -> Case:
    """Return the case under other settings."""
    return replace(one, configuration=replace(one.configuration, tracking=tracking))


def names(boxes: Sequence[Mailbox]) -> list[str]:
    return [box.address for box in boxes]


def verdict(one: Case) -> tuple[str, str, str]:
    """Return outcome, reason and evidence of the questions after matching."""
    found = screen(one, ACCEPTANCE).verdict
    assert found is not None
    return found.outcome.value, found.reason, found.evidence


def test_all_recipients_have_a_say_each_once_the_judged_mailbox_first() -> None:
    message = mail(
        to=people(ANN.address, SALES.address),
        cc=people("info@contoso.example", BOB.address),
        delivered_to=(BOB.address, "elsewhere@fabrikam.example"),
    )

    assert names(deciding_mailboxes(case(message, mailbox=BOB))) == [BOB.address, ANN.address, SALES.address]


def test_bcc_and_delivered_to_come_last() -> None:
    message = mail(to=(), bcc=people(ANN.address), delivered_to=(BOB.address,))

    assert names(deciding_mailboxes(case(message))) == [SALES.address, ANN.address, BOB.address]


@pytest.mark.parametrize(
    "box",
    [replace(BOB, approved=False), accepting(BOB, Accept.NONE), replace(BOB, kind=MailboxKind.FORWARD)],
    ids=["not approved", "accepts none", "a forward mailbox"],
)
@pytest.mark.parametrize("judged", [True, False])
def test_who_takes_no_mail_has_no_say(box: Mailbox, judged: bool) -> None:
    message = mail(to=people(BOB.address, SALES.address))
    one = case(message, mailbox=box) if judged else case(message, boxes=[box])

    assert names(deciding_mailboxes(one)) == [SALES.address]


@pytest.mark.parametrize("option", [one for one in Accept if one is not Accept.NONE])
def test_only_those_with_a_wanted_option_are_named(option: Accept) -> None:
    boxes = [accepting(BOB, option), accepting(ANN, Accept.NONE)]
    message = mail(to=people(BOB.address, ANN.address))
    one = case(message, mailbox=accepting(SALES, Accept.NONE), boxes=boxes)

    assert names(deciding_mailboxes(one)) == [BOB.address]
    assert names(deciding_mailboxes(one, option)) == [BOB.address]
    assert deciding_mailboxes(one, *(other for other in Accept if other not in {option, Accept.NONE})) == ()


def test_with_the_syncing_mailboxs_option_nobody_else_has_a_say() -> None:
    message = mail(to=people(ANN.address, SALES.address), delivered_to=(SALES.address,))
    everything = accepting(SALES, Accept.ALL)
    one = tracked(case(message, mailbox=accepting(ANN, Accept.NONE), boxes=[everything]), SYNCING)

    assert deciding_mailboxes(one) == ()
    assert verdict(one)[:2] == ("ignored", "no_recipient_match")
    assert verdict(tracked(one, Tracking()))[:2] == ("delivered", "accept_all")
    assert verdict(tracked(case(message, mailbox=everything), SYNCING))[:2] == ("delivered", "accept_all")


def test_a_queue_is_judged_by_its_own_option_never_by_its_owners() -> None:
    owner = accepting(ANN, Accept.ALL)

    one = case(mail(to=people(SALES.address)), mailbox=accepting(SALES, Accept.NONE), boxes=[owner])

    assert SALES.owner == ANN.address
    assert verdict(one)[:2] == ("ignored", "no_recipient_match")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("ann+news@contoso.example", ANN),
        ("ANN+a+b@Contoso.example", ANN),
        ("info+shop@contoso.example", SALES),
        ("ann+crm@contoso.example", BOB),
        ("ann+crm+x@contoso.example", BOB),
        (" ann@contoso.example ", ANN),
        ("+ann@contoso.example", None),
        ("ann+x@fabrikam.example", None),
        ("ann", None),
        ("+", None),
        ("", None),
    ],
)
def test_a_plus_address_is_the_longest_address_or_alias_before_the_plus(address: str, found: Mailbox | None) -> None:
    bob = replace(BOB, aliases=("ann+crm@contoso.example",))
    configuration = Configuration(organisation="contoso", mailboxes=(SALES, ANN, bob))

    box = configuration.mailbox(address)

    assert (box.key if box else None) == (found.key if found else None)


def test_a_plus_address_of_an_alias_has_the_say_of_its_mailbox() -> None:
    message = mail(to=people("info+shop@contoso.example"))
    one = case(message, mailbox=accepting(ANN, Accept.NONE), boxes=[accepting(SALES, Accept.ALL)])

    assert verdict(one) == ("delivered", "accept_all", "sales@contoso.example accepts all mail")


def test_a_sender_stands_for_the_kinds_of_his_records() -> None:
    one = replace(case(), sender_records=(Record("lead", "l1"), Record("account", "a1")))

    assert sender_kinds(one) == {"lead", "account"}
    assert sender_doubt(one) == ""
    assert sender_kinds(case()) == frozenset()
    assert sender_doubt(case()) == ""


def test_a_from_that_cannot_be_read_stands_for_nobody() -> None:
    one = replace(case(mail(author=None)), sender_records=TWO)

    assert sender_kinds(one) == frozenset()
    assert sender_doubt(tracked(one, UNRESOLVED)) == ""


@pytest.mark.parametrize(
    ("count", "tracking", "doubtful"),
    [
        (100, Tracking(), False),
        (101, Tracking(), True),
        (1, UNRESOLVED, False),
        (2, UNRESOLVED, True),
        (101, UNRESOLVED, True),
    ],
)
@pytest.mark.parametrize("option", [Accept.CONTACTS, Accept.RECORDS])
def test_an_address_that_too_many_records_have_lets_no_mail_in(
    count: int, tracking: Tracking, doubtful: bool, option: Accept
) -> None:
    crowd = tuple(Record("contact", str(number)) for number in range(count))
    one = tracked(replace(case(mailbox=accepting(SALES, option)), sender_records=crowd), tracking)
    doubt = f"{count} records have its address, so it stands for none of them"

    answers = {answer.question: answer.evidence for answer in screen(one, ACCEPTANCE).answers}

    assert sender_kinds(one) == (frozenset() if doubtful else {"contact"})
    if not doubtful:
        assert verdict(one)[:2] == ("delivered", "sender_match")
        return
    assert answers["sender_match"] == doubt
    told = f"sales@contoso.example accepts {option}; of the sender: {doubt}"
    assert verdict(one) == ("ignored", "invalid_sender", told)


def test_a_yes_is_worded_as_it_is_for_a_whole_mail() -> None:
    assert accepted(case(), "accept_all", "seen").outcome is Outcome.DELIVERED
    assert (accepted(case(), "accept_all", "seen").reason, accepted(case(), "accept_all", "seen").evidence) == (
        "accept_all",
        "seen",
    )


def test_a_yes_to_a_header_alone_says_why_and_what_it_would_have_been() -> None:
    one = case()
    one = replace(
        one,
        fetched=replace(one.fetched, complete=False, size=2_000),
        profile=replace(one.profile, maximum_message_size=1_500),
    )

    said = accepted(one, "sender_match", "seen")

    assert (said.outcome, said.reason) == (Outcome.DELIVERED, "over_limit")
    assert said.evidence == (
        "2000 bytes, more than the profile's 1500, so only its header was read; sender_match: seen"
    )


def test_a_customer_is_no_mailbox_of_the_organisation() -> None:
    assert case().configuration.mailbox(CUSTOMER) is None
    assert case().configuration.mailbox(ROUTER.address) == ROUTER
