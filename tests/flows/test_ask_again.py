"""Asking again from a trace answers as the mail itself did, under the same settings and under others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from email_router.core.activity import EmailStatus, Record
from email_router.core.fetched import Fetched, Wrapper
from email_router.core.flows.activities import make_trace
from email_router.core.flows.ask_again import Again, ask_again, then
from email_router.core.flows.decide import Judge
from email_router.core.flows.lookup import LedgerToday
from email_router.core.flows.ways_back import subject_links
from email_router.core.ledger import KnownEmail, Link, LinkKind, Trace
from email_router.core.mailbox import Accept, AutomaticMail, DeliveryReports, Mailbox, MailboxKind
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.sending import OutgoingState
from email_router.core.settings import Configuration, Tracking
from email_router.core.smart_hash import participants
from email_router.core.topic import topic
from email_router.core.tracking_token import find_tokens
from email_router.edge.connect.compact import expand, squeeze
from tests.flows.house import ANN, NOW, SALES, House, mail
from tests.shared import SHARED

OWN = Path(__file__).parents[1] / "mails"
SMART = Tracking(smart_matching=True)
BOXES: dict[str, dict[str, object]] = {
    "all": {"accept": Accept.ALL},
    "replies": {"accept": Accept.REPLIES, "auto_reply": AutomaticMail.DELIVER, "bulk": AutomaticMail.DROP},
    "contacts": {"accept": Accept.CONTACTS, "delivery_report": DeliveryReports.DELIVER},
    "records": {
        "accept": Accept.RECORDS,
        "auto_reply": AutomaticMail.DELIVER_UNMATCHED,
        "unknown_delivery_report": AutomaticMail.DROP,
    },
    "nothing": {"accept": Accept.NONE},
    "not approved": {"approved": False},
}
TRACKINGS = {
    "usual": Tracking(),
    "smart": SMART,
    "strict": Tracking(
        unknown_sender="mark", changed_subject="new", acceptance="syncing-mailbox", internal_email="ignore"
    ),
    "tokens alone": Tracking(correlation=False),
    "headers alone": Tracking(tokens=False),
    "near words": Tracking(smart_matching=True, correlation=False, hash_delta_subject_count=2),
}
OLD = datetime(2015, 6, 1, tzinfo=UTC)


def _settings() -> Iterator[tuple[str, Configuration]]:
    for number, (name, box) in enumerate(BOXES.items()):
        tracking = list(TRACKINGS)[number]
        for chosen in dict.fromkeys(("smart", tracking)):
            house = House()
            profile = replace(house.profile, process_received_after=OLD if number % 2 else None)
            house.configure(tracking=TRACKINGS[chosen], profile=profile, **box)
            yield f"{name}, {chosen}", house.configuration


SETTINGS = dict(_settings())


@cache
def corpus() -> tuple[bytes, ...]:
    """Return the mails of the corpora that lie beside the project, and its own."""
    paths = [*OWN.rglob("*.eml"), *(SHARED / "corpora").rglob("*")]
    read = [path.read_bytes() for path in sorted(paths) if path.is_file() and path.suffix not in {".json", ".md"}]
    return tuple(one for one in read if len(one) < 200_000)


def _house(raw: bytes, configuration: Configuration) -> House:
    """Return an organisation that knows the sender of every second mail and, of every third, what it answers, by each way there is."""
    house = House()
    house.configuration, house.profile = configuration, configuration.profiles[0]
    message = parse(raw)
    if message.author and len(raw) % 2:
        house.crm.add_record(message.author.key, Record("contact" if len(raw) % 4 == 1 else "user", "r1"))
    if len(raw) % 3:
        _remember(house, message, SMART)
    return house


def _remember(house: House, message: Message, tracking: Tracking) -> None:
    people = participants(message)
    links = []
    ways = [(LinkKind.MESSAGE_ID, one) for one in message.references[-2:]]
    ways += [(LinkKind.MESSAGE_ID, one) for one in (message.in_reply_to,) if one]
    ways += [(LinkKind.TOKEN, one) for one in find_tokens(message.subject, tracking)]
    if message.delivery_report and message.delivery_report.original_message_id:
        ways.append((LinkKind.MESSAGE_ID, message.delivery_report.original_message_id))
    for number, (kind, value) in enumerate(ways):
        known = _known(f"e{number}", message, people, number)
        house.outgoing.prepare(
            OutgoingState(activity=known.activity, status=EmailStatus.SENT, sender=SALES, changed=NOW)
        )
        links.append(Link(kind, value, known))
    subject = _known("by-subject", message, people, 7)
    house.ledger.link([*links, *subject_links(subject, (message.subject,), TRACKINGS["near words"])])


def _known(activity: str, message: Message, people: frozenset[str], number: int) -> KnownEmail:
    about = topic(message.subject if number % 2 else "something else", SMART)
    at = NOW - timedelta(days=number + 1)
    return KnownEmail(activity=activity, participants=people, at=at, token=f"CRM:000{number}", topic=about)


def decided(raw: bytes, configuration: Configuration, **fetched: object) -> tuple[House, Trace]:
    """Decide the raw mail as a pass does, and return its trace as the store gives it back."""
    house = _house(raw, configuration)
    judge = Judge(house.incoming(), configuration.mailboxes[0], house.profile)
    came = Fetched(source_id="s1", raw=raw, size=len(raw), received=NOW)
    draft = judge.draft(replace(came, **fetched))  # type: ignore[arg-type]  # fields by name
    (decision,) = judge.decide([draft])
    trace = make_trace(decision, "memory", configuration.mailboxes[0].key, None, NOW)
    return house, expand(Trace, squeeze(trace))


def said(again: Again | None) -> tuple[object, ...]:
    assert again is not None
    return again.mailbox, again.outcome, again.reason, again.rule, again.method, again.correlated


@pytest.mark.parametrize("settings", SETTINGS)
def test_asked_again_under_the_same_settings_every_mail_gets_the_same_answers(settings: str) -> None:
    configuration, number = SETTINGS[settings], list(SETTINGS).index(settings)
    outcomes = set()

    for raw in corpus()[number % 3 :: 3]:
        _, trace = decided(raw, configuration)
        again = ask_again(trace, configuration)
        assert said(again) == said(then(trace)), raw[:400]
        assert again is not None
        assert (again.answers, again.candidates) == (trace.answers, trace.candidates), raw[:400]
        outcomes.add(trace.outcome)

    assert len(corpus()) > 10
    assert len(outcomes) > 1 or "nothing" in settings or "approved" in settings


@pytest.mark.parametrize(
    "before",
    [
        "contacts, strict",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("all, smart", "nothing, smart", "not approved, smart")),
    ],
)
def test_asked_again_under_other_settings_every_mail_gets_the_answers_that_it_would_have_got(before: str) -> None:
    different = 0

    for number, raw in enumerate(corpus()):
        house, trace = decided(raw, SETTINGS[before])
        for name, other in list(SETTINGS.items())[number % 6 :: 6]:
            _, anew = decided(raw, other)
            again = ask_again(trace, other, LedgerToday(house.ledger, NOW - timedelta(days=90)))
            assert said(again) == said(then(anew)), (name, raw[:400])
            different += said(again) != said(then(trace))

    assert different > 10


def test_a_part_of_a_mail_and_its_time_are_remembered() -> None:
    configuration = SETTINGS["all, smart"]
    _, trace = decided(mail(), configuration, complete=False, size=50_000_000, received=OLD - timedelta(days=1))
    late = replace(configuration, profiles=(replace(configuration.profiles[0], process_received_after=OLD),))

    assert said(ask_again(trace, configuration))[2] == "over_limit"
    assert said(ask_again(trace, late))[2] == "too_old"


def test_the_wrapper_of_a_forward_mailbox_is_remembered() -> None:
    house = House()
    forward = Mailbox(address="router@contoso.example", kind=MailboxKind.FORWARD, incoming="in")
    configuration = replace(house.configuration, mailboxes=(forward, *house.configuration.mailboxes))
    stranger = tuple(box for box in configuration.mailboxes if box.address != ANN)
    _, trace = decided(mail(), configuration, wrapper=Wrapper(ANN, authenticated=True, evidence="seen"))

    same = ask_again(trace, configuration)

    assert said(same) == said(then(trace))
    assert same is not None
    assert same.mailbox == ANN
    assert said(ask_again(trace, replace(configuration, mailboxes=stranger)))[2] == "untrusted_wrapper"


def test_a_copy_and_a_second_mailbox_are_asked_again_as_what_they_are() -> None:
    house = House(mail(1), mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))
    house.sources[ANN].put(mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))
    house.source.put(mail(1))
    house.route()
    house.route(ANN)

    traces = house.ledger.traces_since(NOW - timedelta(days=1))

    assert len(traces) == 4
    assert {trace.reason for trace in traces} >= {"duplicate"}
    for trace in traces:
        assert said(ask_again(trace, house.configuration)) == said(then(trace))


def test_what_is_not_fetched_any_more_and_a_trace_of_an_earlier_version_cannot_be_asked_again() -> None:
    configuration = SETTINGS["all, smart"]
    _, trace = decided(mail(), configuration)

    assert ask_again(trace, replace(configuration, mailboxes=configuration.mailboxes[1:])) is None
    assert ask_again(replace(trace, facts=None), configuration) is None


def test_signatures_and_filters_notes_are_not_kept_and_no_question_needs_them() -> None:
    notes = "DKIM-Signature: v=1; b=xyz\r\nARC-Seal: i=1\r\nX-MS-Exchange-Organization-AuthAs: Anonymous\r\n"
    configuration = SETTINGS["all, smart"]

    _, noted = decided(mail(extra=notes), configuration)
    _, plain = decided(mail(text="Hello" + "!" * len(notes)), configuration)

    assert noted.headers == plain.headers
    assert said(then(noted)) == said(then(plain))


def test_the_trace_of_a_usual_mail_of_twenty_fields_takes_less_than_a_kilobyte_and_a_half() -> None:
    fields = "".join(
        f"Received: from mx{number}.fabrikam.example (mx{number}.fabrikam.example [192.0.2.{number}]) by mx{number + 1}.contoso.example\r\n"
        f"\twith ESMTPS id 4F{number}A7C93B for <{SALES}>; Tue, 24 Nov 2026 11:0{number}:00 +0000\r\n"
        for number in range(5)
    )
    fields += "".join(f"X-Note-{number}: value number {number} of {number * 7919}\r\n" for number in range(4))
    fields += (
        "Authentication-Results: mx.contoso.example; spf=pass smtp.mailfrom=fabrikam.example; dkim=pass header.d=fabrikam.example\r\n"
        "In-Reply-To: <e0@contoso.example>\r\nReferences: <a@x.example> <e0@contoso.example>\r\n"
        "Thread-Index: AdxcQk1SZ0x1V3lqTnBxUnRVdlhZWg==\r\nReply-To: erin@fabrikam.example\r\n"
    )
    raw = mail(extra=fields, subject="Re: Your order of last week CRM:0001001", to=f"Sales <{SALES}>, Ann <{ANN}>")

    _, trace = decided(raw + b" " * (len(raw) % 3 == 0), SETTINGS["replies, smart"])

    assert len(trace.headers) >= 20
    assert trace.correlated == "e1"
    assert len(squeeze(trace)) <= 1_536


@pytest.mark.parametrize("received", [None, NOW])
def test_under_other_settings_a_mail_continues_no_younger_one_of_its_own_page(received: datetime | None) -> None:
    tracking = replace(SMART, tokens=False)
    first = mail(1, subject="Re: Old order OLD:0001001", message_id="<a@x.example>")
    second = mail(2, subject="re: old order old:0001001", message_id="<b@x.example>")
    house = House(first, second)
    house.source.received = received
    house.configure(tracking=tracking)
    sent = KnownEmail(
        activity="sent", participants=participants(("erin@fabrikam.example", SALES)), at=OLD, token="OLD:0001001"
    )
    links = subject_links(replace(sent, at=NOW - timedelta(hours=1)), ("Old order OLD:0001001",), tracking)
    house.ledger.link([Link(LinkKind.TOKEN, "OLD:0001001", sent), *links])
    house.route()
    by_id = {trace.message_id: trace for trace in house.ledger.traces_since(OLD)}
    assert by_id["<b@x.example>"].correlated == by_id["<a@x.example>"].activity

    other = replace(house.configuration, tracking=replace(SMART, earlier_prefixes=("OLD:",)))
    today = LedgerToday(house.ledger, NOW - timedelta(days=90))
    a, b = (ask_again(by_id[one], other, today) for one in ("<a@x.example>", "<b@x.example>"))

    assert a is not None
    assert b is not None
    assert a.correlated == "sent"
    assert b.correlated == by_id["<a@x.example>"].activity
