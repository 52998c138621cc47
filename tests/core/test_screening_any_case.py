"""Whatever the case, screening ends in a verdict with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import Record
from email_router.core.case import Case, Passed, Question, Verdict
from email_router.core.fetched import Wrapper
from email_router.core.ledger import Claim, Outcome, Receipt
from email_router.core.mailbox import Accept, AutomaticMail, DeliveryReports, Mailbox, MailboxKind
from email_router.core.message import Address
from email_router.core.screening import ACCEPTANCE, ENTRY, screen
from email_router.core.settings import Tracking
from tests.core.cases import ANN, CUSTOMER, ROUTER, SALES, case, mail, people
from tests.core.screened import ANNS, CONTACT, MATCH, OURS, OUT, REPORT, accept

REASONS = {
    *("duplicate", "no_correlation_match", "correlation_match", "no_recipient_match", "internal_email_reject"),
    *("sender_match", "accept_all", "invalid_sender", "loop", "delivery_report", "auto_reply", "bulk", "not_approved"),
    *("too_old", "over_limit", "unreadable", "untrusted_wrapper", "unknown_delivery_report"),
}
ADDRESSES = st.sampled_from(
    [SALES.address, ANN.address, ROUTER.address, "info@contoso.example", CUSTOMER, "", "@", "x"]
)
PEOPLE = st.lists(ADDRESSES, max_size=3).map(lambda found: people(*found))
INSTANTS = st.none() | st.datetimes(timezones=st.none() | st.just(UTC))
MAILS = st.builds(
    mail,
    author=st.none() | st.builds(Address, st.just(""), ADDRESSES),
    sender=st.none() | st.builds(Address, st.just(""), ADDRESSES),
    to=PEOPLE,
    cc=PEOPLE,
    delivered_to=st.lists(ADDRESSES, max_size=2).map(tuple),
    subject=st.text(max_size=40),
    in_reply_to=st.none() | st.text(max_size=10),
    references=st.lists(st.text(max_size=10), max_size=2).map(tuple),
    date=INSTANTS,
    auto_submitted=st.booleans(),
    bulk=st.booleans(),
    unreadable=st.booleans(),
    delivery_report=st.none() | st.just(REPORT),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["received", "x-emailrouter", "list-id", "auto-submitted"]),
            st.text(max_size=20) | st.just("contoso;out"),
        ),
        max_size=60,
    ).map(tuple),
)
BOXES = st.builds(
    Mailbox,
    address=st.sampled_from([SALES.address, ANN.address]),
    accept=st.sampled_from(Accept),
    auto_reply=st.sampled_from(AutomaticMail),
    bulk=st.sampled_from(AutomaticMail),
    delivery_report=st.sampled_from(DeliveryReports),
    unknown_delivery_report=st.sampled_from(AutomaticMail),
    approved=st.booleans(),
    kind=st.sampled_from(MailboxKind),
)
SETTINGS = st.builds(
    Tracking,
    acceptance=st.sampled_from(["any-recipient", "syncing-mailbox"]),
    internal_email=st.sampled_from(["track", "ignore"]),
    internal_email_to_queues=st.booleans(),
    internal_email_from_queues=st.booleans(),
    ambiguous_sender=st.sampled_from(["first", "unresolved"]),
)
RECORDS = st.lists(
    st.builds(Record, st.sampled_from(["contact", "user", "queue", "x"]), st.just("1")), max_size=3
) | st.just([CONTACT] * 101)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw any case at all."""
    one = case(draw(MAILS), mailbox=draw(BOXES), boxes=draw(st.lists(BOXES, max_size=2)))
    wrapper = draw(st.none() | st.builds(Wrapper, ADDRESSES, st.booleans(), st.just("seen"), st.booleans()))
    fetched = replace(one.fetched, received=draw(INSTANTS), complete=draw(st.booleans()), wrapper=wrapper)
    emails = st.none() | st.just(OUT)
    return replace(
        one,
        fetched=fetched,
        receiving=draw(st.sampled_from([ROUTER, one.mailbox])),
        profile=replace(one.profile, process_received_after=draw(INSTANTS)),
        own=draw(st.sampled_from([None, OURS, ANNS])),
        reported=draw(emails),
        claim=draw(st.none() | st.just(Claim("k", "out", SALES.key, "i1", "c1"))),
        receipt=draw(
            st.none() | st.builds(Receipt, st.just("k"), st.just(SALES.key), st.sampled_from(Outcome), st.just("loop"))
        ),
        identity=draw(st.sampled_from(["", "i1", "i2"])),
        sender_records=tuple(draw(RECORDS)),
        match=draw(st.none() | st.just(MATCH)),
        quick=draw(st.integers(0, 20)),
        quoted=draw(st.sampled_from(["", "out"])),
        unmatched=draw(st.sampled_from(["", 'bulk = "deliver-unmatched"'])),
        configuration=replace(one.configuration, tracking=draw(SETTINGS)),
    )


@given(cases())
def test_every_case_ends_in_a_verdict_with_a_known_reason(one: Case) -> None:
    questions: Sequence[Question] = (*ENTRY, *ACCEPTANCE)

    screened = screen(one, questions)

    assert screened.verdict is not None
    assert screened.verdict.reason in REASONS
    assert screened.verdict.outcome is not Outcome.FAILED
    assert screened.verdict.evidence
    assert [answer.question for answer in screened.answers] == [question.name for question in questions][
        : len(screened.answers)
    ]
    assert screened.question == screened.answers[-1].question


@given(cases())
def test_a_mail_comes_in_only_by_an_approved_mailbox_of_the_organisation(one: Case) -> None:
    verdict = screen(one, ACCEPTANCE).verdict

    assert verdict is not None
    if verdict.outcome is Outcome.DELIVERED:
        named = verdict.evidence.split(" accepts ")[0].rsplit(" ", 1)[-1]
        box = one.mailbox if one.mailbox.address == named else one.configuration.mailbox(named)
        assert box is not None
        assert box.approved
        assert box.accept is not Accept.NONE


@given(cases())
def test_the_verdict_does_not_depend_on_the_order_of_the_recipients(one: Case) -> None:
    turned = replace(one, message=replace(one.message, to=one.message.to[::-1]))

    assert accept(one) == accept(turned)


@given(cases())
def test_the_first_question_that_answers_has_the_last_word(one: Case) -> None:
    questions: Sequence[Question] = (*ENTRY, *ACCEPTANCE)
    alone = [(question.name, question.ask(one)) for question in questions]

    screened = screen(one, questions)

    first = next((name, said) for name, said in alone if isinstance(said, Verdict))
    assert (screened.question, screened.verdict) == first


@given(cases())
def test_a_question_that_passes_a_mail_on_says_what_it_saw_or_nothing(one: Case) -> None:
    questions: Sequence[Question] = (*ENTRY, *ACCEPTANCE)

    passed = [answer for answer in screen(one, questions).answers if answer.answer == "passes"]

    said = {question.name: question.ask(one) for question in questions}
    assert [answer.evidence for answer in passed] == [
        saying.evidence if isinstance(saying := said[answer.question], Passed) else "" for answer in passed
    ]


@given(cases())
def test_where_only_the_fetched_mailbox_counts_no_other_one_lets_a_mail_in(one: Case) -> None:
    alone = replace(one, configuration=replace(one.configuration, tracking=Tracking(acceptance="syncing-mailbox")))

    verdict = screen(alone, ACCEPTANCE).verdict

    assert verdict is not None
    assert verdict.outcome is not Outcome.DELIVERED or f"{one.mailbox.address} accepts" in verdict.evidence
