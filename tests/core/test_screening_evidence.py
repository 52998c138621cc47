"""What an operator reads of each question, whether it ends the questioning or passes the mail on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from email_router.core.activity import CorrelationMethod, Record
from email_router.core.case import Case, Match, Own, Refused
from email_router.core.fetched import Wrapper
from email_router.core.ledger import Claim, Outcome, Receipt
from email_router.core.mailbox import Accept, AutomaticMail, DeliveryReports
from email_router.core.message import Address, DeliveryReport, ReportedRecipient
from email_router.core.screening import ACCEPTANCE, ENTRY, screen
from email_router.core.settings import Tracking
from tests.core.cases import ANN, BOB, CUSTOMER, ROUTER, SALES, accepting, case, known, mail, people, wrapped

BOUND = datetime(2026, 11, 1, tzinfo=UTC)
MATCH = Match(known("order", CUSTOMER), CorrelationMethod.IN_REPLY_TO, "", "in_reply_to")
REPORT = DeliveryReport("failed", (ReportedRecipient(CUSTOMER, "5.1.1", permanent=True),) * 2, "<out@contoso.example>")
REFUSED = Refused("order", "tracking_token", "token CRM:0001002", ('unknown_sender = "mark"',))
OUT = known("out", ANN.address)
OURS = Own("out", SALES.address)
CLAIM = Claim("k", "a1", BOB.address, "i1", "c1")
MARK = (("x-emailrouter", "contoso;out"),)


def dated(received: datetime | None, date: datetime | None) -> Case:
    """Return a case with the profile's bound."""
    one = case(mail(date=date))
    profile = replace(one.profile, process_received_after=BOUND)
    return replace(one, fetched=replace(one.fetched, received=received), profile=profile)


def large(one: Case) -> Case:
    return replace(one, fetched=replace(one.fetched, complete=False, size=36_700_161))


ENTRY_SEEN = [
    (
        "untrusted_wrapper",
        wrapped(case(mailbox=ANN), Wrapper(ANN.address, True, "dmarc=pass")),
        "ann@contoso.example wrapped it: dmarc=pass",
    ),
    ("untrusted_wrapper", case(), ""),
    ("untrusted_wrapper", wrapped(case(), None), "untrusted_wrapper: it was not unwrapped"),
    (
        "untrusted_wrapper",
        wrapped(case(), Wrapper(ANN.address, True, "two", found=False)),
        "untrusted_wrapper: it wraps no message: two",
    ),
    (
        "untrusted_wrapper",
        wrapped(case(), Wrapper("", True, "x")),
        "untrusted_wrapper: the sender of the wrapper cannot be read",
    ),
    (
        "untrusted_wrapper",
        wrapped(case(), Wrapper(ROUTER.address, True, "x")),
        "untrusted_wrapper: router@contoso.example is no user or queue of the organisation",
    ),
    (
        "untrusted_wrapper",
        wrapped(case(), Wrapper(ANN.address, False, "spf=fail")),
        "untrusted_wrapper: the wrapper of ann@contoso.example is not authenticated: spf=fail",
    ),
    ("already_delivered", case(), ""),
    ("already_delivered", replace(case(), claim=CLAIM, identity="i1"), "bob@contoso.example has it, as activity a1"),
    ("already_delivered", replace(case(), claim=CLAIM), "bob@contoso.example has it, as activity a1"),
    (
        "already_delivered",
        replace(
            case(), claim=CLAIM, identity="i2", receipt=Receipt("k", SALES.key, Outcome.DELIVERED, "accept_all", "a1")
        ),
        "another mail, with another From or Date, had its Message-ID before",
    ),
    (
        "already_delivered",
        replace(case(), receipt=Receipt("k", SALES.key, Outcome.FAILED, "error")),
        "sales@contoso.example had it before and could not deliver it",
    ),
    (
        "already_delivered",
        replace(case(), receipt=Receipt("k", SALES.key, Outcome.IGNORED, "bulk")),
        "duplicate: sales@contoso.example had it before: ignored, bulk",
    ),
    (
        "already_delivered",
        replace(
            case(), claim=CLAIM, identity="i1", receipt=Receipt("k", SALES.key, Outcome.DELIVERED, "accept_all", "a1")
        ),
        "duplicate: sales@contoso.example had it before: delivered, accept_all as activity a1",
    ),
    ("unreadable", case(mail(unreadable=True)), "unreadable: 1000 bytes without a header field"),
    ("unreadable", case(mail(unreadable=True, defects=("a", "b", "c", "d"))), "unreadable: a; b; c"),
    ("unreadable", case(), ""),
    ("too_old", case(), ""),
    ("too_old", dated(None, None), "neither the server nor the mail tells when it came"),
    ("too_old", dated(BOUND, None), "received 2026-11-01T00:00:00Z, wanted from 2026-11-01T00:00:00Z on"),
    ("too_old", dated(None, BOUND), "dated 2026-11-01T00:00:00Z, wanted from 2026-11-01T00:00:00Z on"),
    (
        "too_old",
        dated(datetime(2026, 10, 31, 23, 59, 59), None),  # noqa: DTZ001 - a server that tells no zone means UTC
        "too_old: received 2026-10-31T23:59:59Z, wanted from 2026-11-01T00:00:00Z on",
    ),
    (
        "not_approved",
        case(mailbox=replace(SALES, approved=False)),
        "not_approved: the address sales@contoso.example is not approved",
    ),
    ("not_approved", case(), ""),
    ("loop", case(), ""),
    ("loop", case(mail(headers=(("received", "x"),) * 51)), "loop: 51 Received fields, more than 50"),
    (
        "loop",
        replace(case(mail(headers=MARK)), own=Own("out", "info@contoso.example")),
        "loop: X-EmailRouter names activity out, and sales@contoso.example sent it",
    ),
    (
        "loop",
        replace(case(mail(author=Address("", SALES.address))), own=OURS),
        "loop: its Message-ID is that of activity out, and sales@contoso.example sent it",
    ),
    (
        "loop",
        replace(case(mail(headers=MARK)), own=Own("out", ANN.address)),
        "X-EmailRouter names activity out, which ann@contoso.example sent, not sales@contoso.example",
    ),
    (
        "loop",
        replace(case(mail(headers=MARK)), own=Own("another", ANN.address)),
        "its Message-ID is that of activity another, which ann@contoso.example sent, not sales@contoso.example",
    ),
    ("loop", case(mail(headers=MARK)), "X-EmailRouter names activity out, which this router has not sent"),
    ("loop", case(mail(headers=(("x-emailrouter", f"contoso;{'a' * 201}"),))), ""),
    ("loop", case(mail(headers=MARK, delivery_report=REPORT)), ""),
    (
        "loop",
        replace(case(mail(headers=MARK)), quoted="out"),
        "it repeats the mark of activity out, which it answers",
    ),
    (
        "loop",
        case(mail(headers=(("x-emailrouter", f"contoso;{'a' * 65}"),))),
        f"X-EmailRouter names activity {'a' * 64}, which this router has not sent",
    ),
    (
        "loop",
        replace(case(mail(auto_submitted=True)), quoted="b" * 65),
        f"loop: automatic, and it repeats our mark of activity {'b' * 64}",
    ),
    (
        "loop",
        case(mail(auto_submitted=True, subject="Automatische Antwort: Abwesenheitsnotiz: x")),
        "loop: automatic, and its subject bears 2 marks of automatic answers",
    ),
    ("loop", replace(case(), quick=12), "loop: 12 answers in a row followed within two minutes"),
    ("delivery_report", case(), ""),
    (
        "delivery_report",
        case(mail(delivery_report=REPORT)),
        (
            "a report (failed) about no e-mail that the router sent; "
            'sales@contoso.example has unknown_delivery_report = "deliver"'
        ),
    ),
    (
        "delivery_report",
        case(mail(delivery_report=REPORT), mailbox=replace(SALES, unknown_delivery_report=AutomaticMail.DROP)),
        "unknown_delivery_report: a report (failed) about no e-mail that the router sent",
    ),
    (
        "delivery_report",
        replace(case(mail(delivery_report=REPORT)), reported_by="its token did not go to whom it names"),
        (
            "a report (failed) about no e-mail that the router sent: its token did not go to whom it names; "
            'sales@contoso.example has unknown_delivery_report = "deliver"'
        ),
    ),
    (
        "delivery_report",
        replace(case(mail(delivery_report=REPORT)), reported=OUT),
        "delivery_report: failed for 2 recipients of activity out",
    ),
    (
        "delivery_report",
        replace(case(mail(delivery_report=REPORT)), reported=OUT, reported_by="by the mark in the returned mail"),
        "delivery_report: failed for 2 recipients of activity out, known by the mark in the returned mail",
    ),
    (
        "delivery_report",
        replace(
            case(mail(delivery_report=REPORT), mailbox=replace(SALES, delivery_report=DeliveryReports.DELIVER)),
            reported=OUT,
        ),
        'failed for 2 recipients of activity out; sales@contoso.example has delivery_report = "deliver"',
    ),
    ("auto_reply", case(), ""),
    (
        "auto_reply",
        case(mail(auto_submitted=True, headers=(("auto-submitted", "auto-replied; " + "x" * 40),))),
        "auto_reply: Auto-Submitted: auto-replied; " + "x" * 26,
    ),
    ("auto_reply", case(mail(auto_submitted=True)), "auto_reply: its header fields are those of an automatic reply"),
    (
        "auto_reply",
        case(mail(auto_submitted=True), mailbox=replace(SALES, auto_reply=AutomaticMail.DELIVER_UNMATCHED)),
        'its header fields are those of an automatic reply; sales@contoso.example has auto_reply = "deliver-unmatched"',
    ),
    ("bulk", case(), ""),
    *(
        (
            "bulk",
            case(
                mail(bulk=True, headers=((field.lower(), "x"), ("feedback-id", "y"))),
                mailbox=replace(SALES, bulk=AutomaticMail.DROP),
            ),
            f"bulk: it has a {field} field",
        )
        for field in ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence", "Feedback-ID")
    ),
    (
        "bulk",
        case(mail(bulk=True)),
        'its header fields are those of bulk mail; sales@contoso.example has bulk = "deliver"',
    ),
]

ACCEPTANCE_SEEN = [
    (
        "no_recipient_match",
        case(mailbox=accepting(SALES, Accept.NONE)),
        "no_recipient_match: neither sales@contoso.example nor another recipient accepts any mail",
    ),
    (
        "no_recipient_match",
        case(
            mail(cc=people(BOB.address)),
            mailbox=accepting(SALES, Accept.NONE),
            boxes=[replace(BOB, accept=Accept.ALL, approved=False)],
        ),
        (
            "no_recipient_match: neither sales@contoso.example nor another recipient accepts any mail; "
            "bob@contoso.example accepts all, but is not approved"
        ),
    ),
    ("accept_all", case(mailbox=accepting(SALES, Accept.ALL)), "accept_all: sales@contoso.example accepts all mail"),
    (
        "no_recipient_match",
        case(
            mail(cc=people(BOB.address)),
            mailbox=replace(SALES, approved=False),
            boxes=[replace(BOB, accept=Accept.ALL, approved=False)],
        ),
        (
            "no_recipient_match: neither sales@contoso.example nor another recipient accepts any mail; "
            f"sales@contoso.example accepts {SALES.accept}, but is not approved; "
            "bob@contoso.example accepts all, but is not approved"
        ),
    ),
    (
        "accept_all",
        large(case(mailbox=accepting(SALES, Accept.ALL))),
        (
            "over_limit: 36700161 bytes, more than the profile's 36700160, so only its header was read; "
            "accept_all: sales@contoso.example accepts all mail"
        ),
    ),
    (
        "correlation_match",
        replace(case(), match=MATCH),
        "correlation_match: sales@contoso.example accepts replies; matched by in_reply_to",
    ),
    (
        "correlation_match",
        replace(case(), match=replace(MATCH, rule="")),
        "correlation_match: sales@contoso.example accepts replies; matched by in_reply_to",
    ),
    (
        "correlation_match",
        replace(case(), match=MATCH, unmatched='bulk = "deliver-unmatched"'),
        (
            "correlation_match: sales@contoso.example accepts replies; "
            'it would continue activity order (in_reply_to), but bulk = "deliver-unmatched"'
        ),
    ),
    (
        "correlation_match",
        replace(case(), reported=OUT),
        "correlation_match: sales@contoso.example accepts replies; a report about a known e-mail",
    ),
    (
        "sender_match",
        replace(
            case(mailbox=accepting(SALES, Accept.CONTACTS)),
            sender_records=(Record("lead", "1"), Record("contact", "2")),
        ),
        "sender_match: sales@contoso.example accepts contacts; the sender is a contact, lead",
    ),
    (
        "invalid_sender",
        case(mail(author=None)),
        "invalid_sender: From names not exactly one mailbox that can be read",
    ),
    (
        "invalid_sender",
        case(mailbox=accepting(SALES, Accept.RECORDS)),
        "invalid_sender: sales@contoso.example accepts records; of the sender: it is unknown",
    ),
    (
        "invalid_sender",
        replace(case(mailbox=accepting(SALES, Accept.CONTACTS)), sender_records=(Record("user", "1"),)),
        "invalid_sender: sales@contoso.example accepts contacts; of the sender: it is a record of another kind",
    ),
    ("no_correlation_match", case(), "no_correlation_match: recipients accept replies; it is no reply"),
    (
        "no_correlation_match",
        case(
            mail(subject="Re: CRM:0001001 CRM:0001002", in_reply_to="<a@b>", to=people(BOB.address)),
            boxes=[accepting(BOB, Accept.CONTACTS)],
        ),
        "no_correlation_match: recipients accept contacts, replies; its token CRM:0001002 leads to no known e-mail",
    ),
    (
        "no_correlation_match",
        case(mail(in_reply_to="<a@b>", references=("<c@d>",))),
        "no_correlation_match: recipients accept replies; its In-Reply-To leads to no known e-mail",
    ),
    (
        "no_correlation_match",
        case(mail(references=("<c@d>",))),
        "no_correlation_match: recipients accept replies; its References leads to no known e-mail",
    ),
    (
        "no_correlation_match",
        replace(case(mail(in_reply_to="<a@b>"), mailbox=accepting(SALES, Accept.CONTACTS)), match=MATCH),
        "no_correlation_match: recipients accept contacts; it continues a known e-mail, which these options do not ask for",
    ),
    (
        "no_correlation_match",
        replace(case(mail(subject="Re: CRM:0001002"), mailbox=accepting(SALES, Accept.REPLIES)), refused=(REFUSED,)),
        (
            "no_correlation_match: recipients accept replies; it would continue activity order "
            '(tracking_token: token CRM:0001002), but unknown_sender = "mark"'
        ),
    ),
    (
        "no_correlation_match",
        replace(
            case(mail(in_reply_to="<a@b>"), mailbox=accepting(SALES, Accept.REPLIES)),
            refused=(replace(REFUSED, settings=('changed_subject = "new"', 'unknown_sender = "mark"')), REFUSED),
        ),
        (
            "no_correlation_match: recipients accept replies; it would continue activity order "
            '(tracking_token: token CRM:0001002), but changed_subject = "new" and unknown_sender = "mark"'
        ),
    ),
    (
        "no_correlation_match",
        replace(case(mail(in_reply_to="<a@b>"), mailbox=accepting(SALES, Accept.CONTACTS)), refused=(REFUSED,)),
        "no_correlation_match: recipients accept contacts; it names a known e-mail, which these options do not ask for",
    ),
]


def test_a_recipient_who_is_not_approved_is_told_of_whoever_decides() -> None:
    boxes = [replace(BOB, accept=Accept.ALL, approved=False), replace(ANN, accept=Accept.NONE, approved=False)]
    named = case(mail(cc=people(BOB.address, ANN.address), bcc=people(BOB.address)), boxes=boxes)

    (told,) = [one for one in screen(named, ACCEPTANCE).answers if one.question == "accept_all"]

    assert (told.answer, told.evidence) == ("passes", "bob@contoso.example accepts all, but is not approved")
    alone = replace(named, configuration=replace(named.configuration, tracking=Tracking(acceptance="syncing-mailbox")))
    assert not any("not approved" in one.evidence for one in screen(alone, ACCEPTANCE).answers)


@pytest.mark.parametrize(("question", "one", "seen"), ENTRY_SEEN)
def test_what_a_question_before_matching_saw_stands_in_the_trace(question: str, one: Case, seen: str) -> None:
    evidence = {answer.question: answer.evidence for answer in screen(one, ENTRY).answers}

    assert evidence[question] == seen


@pytest.mark.parametrize(("question", "one", "seen"), ACCEPTANCE_SEEN)
def test_what_a_question_after_matching_saw_stands_in_the_trace(question: str, one: Case, seen: str) -> None:
    screened = screen(one, ACCEPTANCE)

    assert screened.question == question
    assert screened.answers[-1].evidence == seen


def test_each_question_has_its_texts_told_here() -> None:
    told = {question for question, _, _ in (*ENTRY_SEEN, *ACCEPTANCE_SEEN)}

    assert told | {"internal_email"} == {question.name for question in (*ENTRY, *ACCEPTANCE)}
