"""May a mail come in, and who wants it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.activity import CorrelationMethod, Record
from email_router.core.case import Case, Match, Own, Passed, Question, Verdict
from email_router.core.fetched import Wrapper
from email_router.core.ledger import Claim, Outcome, Receipt
from email_router.core.mailbox import Accept, AutomaticMail, DeliveryReports, Mailbox, MailboxKind
from email_router.core.message import Address, DeliveryReport, Message
from email_router.core.screening import ACCEPTANCE, ENTRY, screen
from email_router.core.settings import Tracking
from tests.core.cases import ANN, BOB, CUSTOMER, NOW, ROUTER, SALES, accepting, case, known, mail, people, wrapped

REASONS = {
    *("duplicate", "no_correlation_match", "correlation_match", "no_recipient_match", "internal_email_reject"),
    *("sender_match", "accept_all", "invalid_sender", "loop", "delivery_report", "auto_reply", "bulk", "not_approved"),
    *("too_old", "over_limit", "unreadable", "untrusted_wrapper", "unknown_delivery_report"),
}
CONTACT = Record("contact", "c1", "Carla")
MATCH = Match(known("order", CUSTOMER), CorrelationMethod.IN_REPLY_TO, "", "in_reply_to")
REPORT = DeliveryReport("failed", (), "<out@contoso.example>")
OUT = known("out", ANN.address, CUSTOMER)
OURS = Own("out", SALES.address)
ANNS = Own("out", ANN.address)
OWN = (("x-emailrouter", "contoso;out"),)
TRUSTED = Wrapper(ANN.address, authenticated=True, evidence="dmarc=pass")


def entry(one: Case) -> Verdict | None:
    """Ask the questions before matching."""
    return screen(one, ENTRY).verdict


def accept(one: Case) -> tuple[str, str]:
    """Ask the questions after matching; return outcome and reason."""
    verdict = screen(one, ACCEPTANCE).verdict
    assert verdict is not None
    return verdict.outcome.value, verdict.reason


def refusal(one: Case) -> tuple[str, str] | None:
    """Return outcome and reason of the entry, or None when the mail passes."""
    verdict = entry(one)
    return (verdict.outcome.value, verdict.reason) if verdict else None


def test_the_questions_stand_in_this_order() -> None:
    before = "untrusted_wrapper already_delivered unreadable too_old not_approved loop delivery_report auto_reply bulk"
    after = "internal_email no_recipient_match accept_all correlation_match sender_match invalid_sender no_correlation_match"

    assert " ".join(question.name for question in ENTRY) == before
    assert " ".join(question.name for question in ACCEPTANCE) == after


def test_an_ordinary_mail_passes_every_question_and_leaves_each_answer() -> None:
    screened = screen(case(), ENTRY)

    assert screened.verdict is None
    assert screened.question == ""
    assert [(answer.question, answer.answer) for answer in screened.answers] == [(one.name, "passes") for one in ENTRY]


def test_the_question_that_answers_is_the_last_one_asked() -> None:
    screened = screen(case(mail(unreadable=True)), ENTRY)

    assert screened.question == "unreadable"
    assert [answer.question for answer in screened.answers] == ["untrusted_wrapper", "already_delivered", "unreadable"]
    assert screened.answers[-1].answer == "quarantined"
    assert screened.answers[-1].evidence.startswith("unreadable: ")


# --- entry


def test_mail_wrapped_by_an_authenticated_user_passes() -> None:
    assert entry(wrapped(case(mailbox=ANN), TRUSTED)) is None


@pytest.mark.parametrize(
    ("wrapper", "evidence"),
    [
        (None, "not unwrapped"),
        (replace(TRUSTED, found=False), "wraps no message"),
        (replace(TRUSTED, sender=""), "cannot be read"),
        (replace(TRUSTED, sender=CUSTOMER), "no user or queue"),
        (replace(TRUSTED, sender=ROUTER.address), "no user or queue"),
        (replace(TRUSTED, authenticated=False), "not authenticated"),
    ],
)
def test_an_untrusted_wrapper_is_quarantined(wrapper: Wrapper | None, evidence: str) -> None:
    verdict = entry(wrapped(case(), wrapper))

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.QUARANTINED, "untrusted_wrapper")
    assert evidence in verdict.evidence


def test_nothing_else_of_an_untrusted_wrapper_is_looked_at() -> None:
    forged = mail(headers=OWN, auto_submitted=True, author=Address("", ANN.address), unreadable=True)

    assert refusal(wrapped(case(forged, mailbox=ANN), None)) == ("quarantined", "untrusted_wrapper")


def test_bytes_without_a_mail_in_them_are_quarantined() -> None:
    assert refusal(case(mail(unreadable=True))) == ("quarantined", "unreadable")


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.IGNORED, Outcome.ATTACHED, Outcome.QUARANTINED])
def test_what_the_mailbox_had_before_is_a_duplicate(outcome: Outcome) -> None:
    verdict = entry(replace(case(), receipt=Receipt("k", SALES.key, outcome, "accept_all", "a1")))

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.IGNORED, "duplicate")
    assert f"{outcome.value}, accept_all as activity a1" in verdict.evidence


def test_unreadable_bytes_that_were_dealt_with_are_not_quarantined_again() -> None:
    receipt = Receipt("k", SALES.key, Outcome.IGNORED, "unreadable")

    assert refusal(replace(case(mail(unreadable=True)), receipt=receipt)) == ("ignored", "duplicate")


def test_what_another_mailbox_had_or_what_failed_is_no_duplicate() -> None:
    claim = Claim("k", "a1", "bob@contoso.example", "i1", "c1")

    assert entry(replace(case(), claim=claim, identity="i1")) is None
    assert entry(replace(case(), receipt=Receipt("k", SALES.key, Outcome.FAILED, "error"))) is None


def test_a_mail_whose_id_somebody_else_used_before_does_not_vanish() -> None:
    receipt = Receipt("k", SALES.key, Outcome.DELIVERED, "accept_all", "a1")
    first = replace(case(), receipt=receipt, claim=Claim("k", "a1", SALES.key, "i1", "c1"), identity="i1")

    assert refusal(first) == ("ignored", "duplicate")
    assert entry(replace(first, identity="another From or Date")) is None


BOUND = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("received", "date", "old"),
    [
        (BOUND - timedelta(seconds=1), NOW, True),
        (BOUND, BOUND - timedelta(days=400), False),
        (None, BOUND - timedelta(days=1), True),
        (None, BOUND, False),
        (None, None, False),
        (None, datetime(1, 1, 1, tzinfo=UTC), True),
        (datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-5))), None, False),
    ],
)
def test_what_came_before_the_profiles_date_is_too_old(
    received: datetime | None, date: datetime | None, old: bool
) -> None:
    one = case(mail(date=date))
    one = replace(
        one, fetched=replace(one.fetched, received=received), profile=replace(one.profile, process_received_after=BOUND)
    )

    assert refusal(one) == (("ignored", "too_old") if old else None)


def test_nothing_is_too_old_for_a_profile_without_a_date() -> None:
    one = case(mail(date=datetime(1970, 1, 1, tzinfo=UTC)))

    assert entry(replace(one, fetched=replace(one.fetched, received=None))) is None


def test_an_address_that_is_not_approved_gets_nothing() -> None:
    assert refusal(case(mailbox=replace(SALES, approved=False))) == ("ignored", "not_approved")


@pytest.mark.parametrize(("hops", "loops"), [(50, False), (51, True)])
def test_more_than_fifty_hops_are_a_loop(hops: int, loops: bool) -> None:
    assert refusal(case(mail(headers=(("received", "by x"),) * hops))) == (("ignored", "loop") if loops else None)


def test_own_mail_back_in_the_mailbox_that_sent_it_is_a_loop() -> None:
    sent = mail(author=Address("", "Sales@Contoso.example"), headers=OWN)

    assert refusal(replace(case(sent), own=OURS)) == ("ignored", "loop")


@pytest.mark.parametrize("address", ["info@contoso.example", "sales+x@contoso.example", "SALES@contoso.example "])
def test_an_alias_of_the_mailbox_is_the_mailbox(address: str) -> None:
    assert refusal(replace(case(mail(headers=OWN)), own=Own("out", address))) == ("ignored", "loop")


@pytest.mark.parametrize("author", [Address("", SALES.address), Address("", CUSTOMER), None])
def test_own_mail_is_known_whatever_its_from_says(author: Address | None) -> None:
    assert refusal(replace(case(mail(author=author)), own=OURS)) == ("ignored", "loop")


def test_an_address_that_is_configured_no_more_is_another_one() -> None:
    assert entry(replace(case(), own=Own("out", "gone@contoso.example"))) is None


@pytest.mark.parametrize("author", [Address("", SALES.address), Address("", ANN.address)])
def test_mail_from_one_mailbox_of_the_organisation_to_another_is_no_loop(author: Address) -> None:
    assert entry(replace(case(mail(author=author, headers=OWN)), own=ANNS)) is None


def test_a_mark_alone_is_nothing_when_its_activity_was_not_sent_from_here() -> None:
    assert entry(case(mail(author=Address("", SALES.address), headers=OWN))) is None


def test_mail_that_a_user_wrote_in_outlook_is_no_loop_in_the_own_mailbox() -> None:
    written = mail(author=Address("", ANN.address), cc=people(ANN.address))

    assert entry(case(written, mailbox=ANN)) is None


@pytest.mark.parametrize("mark", ["fabrikam;out", "contoso", ";out", ""])
def test_the_mark_of_another_organisation_says_nothing(mark: str) -> None:
    sent = mail(author=Address("", SALES.address), headers=(("x-emailrouter", mark),))

    assert entry(case(sent)) is None


def test_an_automatic_mail_that_answers_an_automatic_mail_is_a_loop_even_where_automatic_mail_is_wanted() -> None:
    wanting = replace(SALES, auto_reply=AutomaticMail.DELIVER)
    once = mail(auto_submitted=True, subject="Automatic reply: Order")
    twice = mail(auto_submitted=True, subject="Automatic reply: Out of Office: Order")

    assert refusal(replace(case(once, mailbox=wanting), quoted="out")) == ("ignored", "loop")
    assert refusal(case(twice, mailbox=wanting)) == ("ignored", "loop")
    assert entry(case(once, mailbox=wanting)) is None
    assert entry(case(replace(twice, auto_submitted=False))) is None
    assert entry(replace(case(replace(once, auto_submitted=False)), quoted="out")) is None


def test_the_marks_of_automatic_answers_count_only_at_the_beginning_of_a_subject() -> None:
    wanting = replace(SALES, auto_reply=AutomaticMail.DELIVER)
    second_ends_at = {at: f"Automatic reply: {'x' * (at - 17 - 14)}Out of Office:" for at in (255, 256)}

    assert [len(subject) for subject in second_ends_at.values()] == [255, 256]
    assert refusal(case(mail(auto_submitted=True, subject=second_ends_at[255]), mailbox=wanting)) == ("ignored", "loop")
    assert entry(case(mail(auto_submitted=True, subject=second_ends_at[256]), mailbox=wanting)) is None


def test_an_automatic_mail_of_ours_to_another_mailbox_of_ours_is_no_loop() -> None:
    ours = mail(auto_submitted=True, author=Address("", ANN.address), headers=OWN)
    wanting = replace(SALES, auto_reply=AutomaticMail.DELIVER)

    assert entry(replace(case(ours, mailbox=wanting), own=ANNS)) is None


@pytest.mark.parametrize(("quick", "held"), [(0, False), (9, False), (10, True), (11, True)])
def test_a_dialogue_that_is_too_fast_for_people_waits_for_a_person(quick: int, held: bool) -> None:
    assert refusal(replace(case(), quick=quick)) == (("quarantined", "loop") if held else None)


def test_a_report_about_a_fast_dialogue_goes_its_own_way() -> None:
    report = replace(case(mail(delivery_report=REPORT)), quick=10, reported=OUT)

    assert refusal(report) == ("attached", "delivery_report")


def test_a_report_about_a_known_email_is_attached_to_it() -> None:
    report = mail(delivery_report=REPORT, auto_submitted=True, bulk=True, headers=OWN)

    assert refusal(replace(case(report), reported=OUT)) == ("attached", "delivery_report")


def test_a_report_is_delivered_as_any_mail_where_the_mailbox_says_so_or_the_original_is_unknown() -> None:
    report = mail(delivery_report=REPORT, auto_submitted=True, bulk=True)
    strict = replace(SALES, bulk=AutomaticMail.DROP)

    assert entry(case(report, mailbox=strict)) is None
    assert (
        entry(replace(case(report, mailbox=replace(strict, delivery_report=DeliveryReports.DELIVER)), reported=OUT))
        is None
    )


def test_automatic_replies_are_dropped_by_default_and_delivered_on_demand() -> None:
    automatic = mail(auto_submitted=True, headers=(("auto-submitted", "auto-replied"),))

    assert refusal(case(automatic)) == ("ignored", "auto_reply")
    assert entry(case(automatic, mailbox=replace(SALES, auto_reply=AutomaticMail.DELIVER))) is None


def test_bulk_mail_is_delivered_by_default_and_dropped_on_demand() -> None:
    bulk = mail(bulk=True, headers=(("list-id", "<news.cycling.example>"),))

    assert entry(case(bulk)) is None
    assert refusal(case(bulk, mailbox=replace(SALES, bulk=AutomaticMail.DROP))) == ("ignored", "bulk")


# --- acceptance


@pytest.mark.parametrize(
    ("option", "matched", "records", "answer"),
    [
        (Accept.ALL, False, (), ("delivered", "accept_all")),
        (Accept.ALL, True, (CONTACT,), ("delivered", "accept_all")),
        (Accept.REPLIES, True, (), ("delivered", "correlation_match")),
        (Accept.REPLIES, False, (CONTACT,), ("ignored", "no_correlation_match")),
        (Accept.CONTACTS, False, (CONTACT,), ("delivered", "sender_match")),
        (Accept.CONTACTS, False, (Record("lead", "l"),), ("delivered", "sender_match")),
        (Accept.CONTACTS, False, (Record("account", "a"),), ("delivered", "sender_match")),
        (Accept.CONTACTS, False, (Record("user", "u"),), ("ignored", "invalid_sender")),
        (Accept.CONTACTS, False, (), ("ignored", "invalid_sender")),
        (Accept.CONTACTS, True, (), ("ignored", "invalid_sender")),
        (Accept.RECORDS, False, (Record("queue", "q"),), ("delivered", "sender_match")),
        (Accept.RECORDS, False, (Record("user", "u"),), ("delivered", "sender_match")),
        (Accept.RECORDS, False, (), ("ignored", "invalid_sender")),
        (Accept.NONE, True, (CONTACT,), ("ignored", "no_recipient_match")),
    ],
)
def test_the_accept_option_decides(
    option: Accept, matched: bool, records: tuple[Record, ...], answer: tuple[str, str]
) -> None:
    one = replace(case(mailbox=accepting(SALES, option)), match=MATCH if matched else None, sender_records=records)

    assert accept(one) == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"to": people(ANN.address, SALES.address)},
        {"to": people(ANN.address), "cc": people("SALES@contoso.example")},
        {"to": people(ANN.address), "bcc": people(SALES.address)},
        {"to": people(ANN.address, "info@contoso.example")},
        {"to": people(ANN.address), "delivered_to": (SALES.address,)},
    ],
)
def test_any_recipient_of_the_organisation_that_accepts_accepts(fields: dict[str, tuple[Address, ...]]) -> None:
    one = case(mail(**fields), mailbox=accepting(ANN, Accept.NONE), boxes=[accepting(SALES, Accept.ALL)])  # type: ignore[arg-type]  # a parametrized TypedDict

    assert accept(one) == ("delivered", "accept_all")


def test_mail_by_bcc_or_list_is_judged_by_the_mailbox_it_came_to() -> None:
    one = case(mail(to=people("list@elsewhere.example")), mailbox=accepting(SALES, Accept.ALL))

    assert accept(one) == ("delivered", "accept_all")


def test_a_recipient_that_is_not_approved_or_a_forward_mailbox_has_no_say() -> None:
    everything = mail(to=people(SALES.address, ROUTER.address))
    unapproved = replace(SALES, accept=Accept.ALL, approved=False)

    one = case(everything, mailbox=accepting(ANN, Accept.NONE), boxes=[unapproved, accepting(ROUTER, Accept.ALL)])

    assert accept(one) == ("ignored", "no_recipient_match")


def test_the_mailbox_that_is_judged_is_named_before_the_others() -> None:
    both = mail(to=people(SALES.address, ANN.address, BOB.address))
    boxes = [accepting(SALES, Accept.ALL), accepting(BOB, Accept.ALL)]

    verdict = screen(case(both, mailbox=accepting(ANN, Accept.ALL), boxes=boxes), ACCEPTANCE).verdict

    assert verdict is not None
    assert verdict.evidence == "ann@contoso.example accepts all mail"


@pytest.mark.parametrize(
    "message",
    [
        mail(subject="Re: CRM:0009999"),
        mail(in_reply_to="<lost@x>"),
        mail(references=("<lost@x>",)),
        mail(in_reply_to="<x@x>", author=None),
    ],
)
@pytest.mark.parametrize("option", [Accept.REPLIES, Accept.CONTACTS, Accept.RECORDS])
def test_a_reply_that_leads_nowhere_tells_more_than_its_sender(message: Message, option: Accept) -> None:
    assert accept(case(message, mailbox=accepting(SALES, option))) == ("ignored", "no_correlation_match")


@pytest.mark.parametrize("option", [Accept.REPLIES, Accept.CONTACTS, Accept.RECORDS])
def test_a_from_in_doubt_is_an_invalid_sender_and_never_a_contact(option: Accept) -> None:
    one = replace(case(mail(author=None), mailbox=accepting(SALES, option)), sender_records=(CONTACT,))

    assert accept(one) == ("ignored", "invalid_sender")


def test_a_from_in_doubt_comes_in_where_everything_does() -> None:
    assert accept(case(mail(author=None), mailbox=accepting(SALES, Accept.ALL))) == ("delivered", "accept_all")


def test_a_report_about_a_known_email_is_a_response_to_it() -> None:
    one = replace(case(mail(delivery_report=REPORT), mailbox=accepting(SALES, Accept.REPLIES)), reported=OUT)

    assert accept(one) == ("delivered", "correlation_match")


@pytest.mark.parametrize(("option", "records"), [(Accept.ALL, ()), (Accept.CONTACTS, (CONTACT,))])
def test_a_mail_over_the_limit_comes_in_as_that(option: Accept, records: tuple[Record, ...]) -> None:
    one = replace(case(mailbox=accepting(SALES, option)), sender_records=records)
    large = replace(one, fetched=replace(one.fetched, complete=False, size=99_000_000))

    verdict = screen(large, ACCEPTANCE).verdict

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.DELIVERED, "over_limit")
    assert "99000000 bytes" in verdict.evidence


def test_a_mail_over_the_limit_that_nobody_wants_stays_out() -> None:
    one = case(mailbox=accepting(SALES, Accept.REPLIES))

    assert accept(replace(one, fetched=replace(one.fetched, complete=False))) == ("ignored", "no_correlation_match")


# --- totality

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
