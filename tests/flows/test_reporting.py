"""What is reported afterwards, by events or by mail, settles each recipient of an e-mail the same way in whatever order it comes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.flows.by_hand import ByHand
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.octets import Octets
from email_router.core.recipients import told
from email_router.core.sending import MOST_HISTORY, OutgoingState, RecipientResult, Reported, SendOutcome, SendResult
from tests.flows.house import NOW, SALES, House
from tests.flows.office import ERIN, Office

if TYPE_CHECKING:
    from collections.abc import Sequence

ANN, BOB, IDA = "ann@fabrikam.example", "bob@fabrikam.example", "Ida@Bücher.example"
EVERYBODY = (ANN, BOB, IDA)
GOOD, NEVER, LOST, LATER = SendOutcome.ACCEPTED, SendOutcome.REFUSED, SendOutcome.UNKNOWN, SendOutcome.DEFERRED
BY_SES = SendResult(outcome=GOOD, evidence="taken by Amazon SES", provider_id="ses-1")

KINDS: list[dict[str, Any]] = [
    {"kind": "send", "reason": "no reason given"},
    {"kind": "delivery", "reason": "no reason given"},
    {"kind": "bounce", "permanent": True, "reason": "Permanent General 5.1.1"},
    {"kind": "bounce", "permanent": True, "reason": "Permanent NoEmail 5.1.2"},
    {"kind": "bounce", "permanent": False, "reason": "Transient General"},
    {"kind": "complaint", "reason": "abuse"},
    {"kind": "delay", "reason": "MailboxFull"},
    {"kind": "delay", "reason": "SpamDetected"},
    {"kind": "reject", "reason": "Bad content"},
    {"kind": "rendering failure", "reason": "no such attribute"},
    {"kind": "subscription", "reason": "no reason given"},
]
WHOM = st.sets(st.sampled_from((*EVERYBODY, "stranger@elsewhere.example")), min_size=1).map(
    lambda them: (*sorted(them),)
)
EVENTS = st.lists(st.tuples(st.sampled_from(KINDS), WHOM), min_size=1, max_size=6)


def office_of_three(result: SendResult = BY_SES) -> Office:
    """An e-mail to three that was handed to SES with this result."""
    office = Office(server="ses")
    to = tuple(Party(Role.TO, address) for address in EVERYBODY)
    office.write(parties=(Party(Role.FROM, SALES, "Sales"), *to))
    office.sender.answers = [result]
    office.send()
    return office


def tell(office: Office, kind: dict[str, Any], whom: Sequence[str]) -> None:
    office.report(**{"activity": "e1", "permanent": False, **kind, "recipients": tuple(whom)})


def end_of(office: Office) -> object:
    """All that is to be the same."""
    state, email = office.outgoing.get("e1"), office.crm.activities["e1"]
    assert state is not None
    return (state.status, state.reason, told(state), email.status, email.reason)


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, lost=st.booleans(), shuffle=st.randoms(use_true_random=False), again=st.integers(0, 4))
def test_the_end_is_the_same_in_each_order_and_however_often_an_event_comes(
    events: list[tuple[dict[str, Any], tuple[str, ...]]], lost: bool, shuffle: Any, again: int
) -> None:
    result = SendResult(outcome=LOST, evidence="timeout") if lost else BY_SES
    one, other = office_of_three(result), office_of_three(result)
    mixed = [*events, *(shuffle.choice(events) for _ in range(again))]
    shuffle.shuffle(mixed)

    for kind, whom in events:
        tell(one, kind, whom)
    for kind, whom in mixed:
        tell(other, kind, whom)

    assert end_of(one) == end_of(other)


@settings(max_examples=100, deadline=None)
@given(events=EVENTS)
def test_what_was_bounced_or_never_left_is_refused_and_nobody_else_is(
    events: list[tuple[dict[str, Any], tuple[str, ...]]],
) -> None:
    office = office_of_three()
    refused: set[str] = set()
    for kind, whom in events:
        tell(office, kind, whom)
        if kind["kind"] in {"reject", "rendering failure"}:
            refused |= set(EVERYBODY)
        elif kind.get("permanent"):
            refused |= set(whom) & set(EVERYBODY)

    state = office.outgoing.get("e1")
    assert state is not None
    assert {one.address for one in told(state) if one.outcome is NEVER} == refused
    assert state.status is (EmailStatus.FAILED if refused == set(EVERYBODY) else EmailStatus.SENT)
    assert office.crm.activities["e1"].status is state.status
    assert all(address in (state.reason or "") for address in refused)
    assert office.meters.counts["OutgoingMessagesUndelivered"] == (refused == set(EVERYBODY))


def test_a_domain_in_other_letters_is_known_again_as_it_was_sent() -> None:
    office = office_of_three()

    tell(office, KINDS[2], ["Ida@xn--bcher-kva.example"])

    state = office.outgoing.get("e1")
    assert state is not None
    assert [one.address for one in told(state) if one.reported is Reported.BOUNCED] == [IDA]


def test_a_late_event_takes_nobody_off_the_list_to_whom_it_is_to_be_sent_again() -> None:
    office = office_of_three()
    tell(office, KINDS[2], [BOB])
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")

    tell(office, KINDS[1], [ANN])
    tell(office, KINDS[2], [BOB])  # the same once more: of the attempt before
    tell(office, KINDS[6], [BOB])
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()

    assert [envelope.recipients for envelope, _ in office.sender.sent] == [EVERYBODY, (BOB,)]
    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.address, one.outcome) for one in told(state)] == [(each, GOOD) for each in EVERYBODY]


def test_what_is_said_to_be_delivered_after_all_is_not_sent_again() -> None:
    office = office_of_three(SendResult(outcome=LOST, evidence="timeout"))
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").resend("e1")

    tell(office, KINDS[1], EVERYBODY)
    office.send()

    assert len(office.sender.sent) == 1
    assert office.crm.activities["e1"].status is EmailStatus.SENT


@pytest.mark.parametrize("again", [[BOB], [BOB, ANN]], ids=["its recipient", "with another"])
def test_a_bounce_that_comes_again_when_it_was_sent_anew_tells_nothing_of_the_new_mail(again: list[str]) -> None:
    office = office_of_three()
    taken = office.clock.now()
    tell(office, {**KINDS[2], "taken": taken}, again)
    office.clock.advance(600)
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()
    tell(office, {**KINDS[1], "provider_id": "ses-2", "taken": office.clock.now()}, again)

    tell(office, {**KINDS[2], "taken": taken}, again)  # the same once more: its first telling was late

    state = office.outgoing.get("e1")
    assert state is not None
    assert {one.outcome for one in told(state)} == {GOOD}
    assert office.crm.activities["e1"].status is EmailStatus.SENT


def test_the_same_bounce_of_the_new_mail_counts() -> None:
    office = office_of_three()
    tell(office, {**KINDS[2], "taken": office.clock.now()}, [BOB])
    office.clock.advance(600)
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()

    tell(office, {**KINDS[2], "provider_id": "ses-2", "taken": office.clock.now()}, [BOB])

    state = office.outgoing.get("e1")
    assert state is not None
    assert [one.address for one in told(state) if one.outcome is NEVER] == [BOB]


@pytest.mark.parametrize("lost", [True, False], ids=["its worker died", "it was recorded"])
def test_feedback_without_our_tags_finds_its_e_mail_by_our_own_message_id(lost: bool) -> None:
    office = office_of_three(SendResult(outcome=LOST, evidence="timeout") if lost else BY_SES)
    state = office.outgoing.get("e1")
    assert state is not None

    found = office.report(provider_id="never-recorded", message_id=state.message_id, recipients=(BOB,))
    stranger = office.report(provider_id="never-recorded-2", message_id="<other@contoso.example>", recipients=(BOB,))

    assert (found, stranger) == ("e1", None)
    after = office.outgoing.get("e1")
    assert after is not None
    assert [one.address for one in told(after) if one.outcome is NEVER] == [BOB]


@pytest.mark.parametrize("had_it", [[], [ANN]], ids=["nothing else is told", "another was told to have it"])
def test_a_bounce_that_comes_before_the_answer_of_a_second_attempt_stands(had_it: list[str]) -> None:
    office = office_of_three()
    tell(office, KINDS[2], [BOB])
    tell(office, KINDS[1], had_it or ["stranger@elsewhere.example"])
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e1")
    real = office.sender.send

    def send(envelope: Any, composed: Octets) -> SendResult:
        result = real(envelope, composed)
        tell(office, KINDS[2], [BOB])
        return result

    office.sender.send = send  # type: ignore[method-assign]  # the fake of this test
    office.sender.answers = [replace(BY_SES, provider_id="ses-2")]
    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.address, one.outcome) for one in told(state)] == [(ANN, GOOD), (BOB, NEVER), (IDA, GOOD)]
    assert (state.status, state.provider_id) == (EmailStatus.SENT, "ses-2")


@pytest.mark.parametrize("times", [1, 3], ids=["once", "again and again"])
def test_a_report_that_comes_as_the_answer_is_being_written_stands(times: int) -> None:
    office = Office(server="ses")
    to = tuple(Party(Role.TO, address) for address in EVERYBODY)
    office.write(parties=(Party(Role.FROM, SALES, "Sales"), *to))
    refused = RecipientResult(ANN, NEVER, "on the suppression list")
    office.sender.answers = [replace(BY_SES, recipients=(refused,))]
    settle, coming = office.outgoing.settle, [BOB, IDA, BOB][:times]

    def settle_late(*given: Any, **named: Any) -> bool:
        if coming:
            tell(office, KINDS[2] if coming[0] is BOB else KINDS[1], [coming.pop(0)])
        return settle(*given, **named)

    office.outgoing.settle = settle_late  # type: ignore[method-assign]  # the fake of this test
    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert [(one.address, one.outcome) for one in told(state)] == [(ANN, NEVER), (BOB, NEVER), (IDA, GOOD)]
    assert state.status is EmailStatus.SENT


def test_a_storm_of_reports_leaves_a_history_that_fits_its_row() -> None:
    office = office_of_three()

    for number in range(200):
        tell(office, {"kind": "delay", "reason": f"try {number:03d}"}, [ANN])

    state = office.outgoing.get("e1")
    assert state is not None
    assert len(state.history) <= MOST_HISTORY + 1
    assert [one.status for one in state.history[:2]] == [EmailStatus.PENDING, EmailStatus.SENDING]


def test_a_recipient_who_calls_it_spam_is_named_to_the_owner_on_the_e_mail() -> None:
    office = office_of_three()

    for _ in range(2):
        tell(office, KINDS[5], [ANN])

    (note,) = office.crm.notes("e1")
    assert (note.owner, note.text.startswith(f"Called spam by {ANN}")) == ("ann@contoso.example", True)
    (alert,) = office.alerts.all()
    assert (alert.kind, alert.messages) == ("complaint", ("e1",))
    assert office.crm.activities["e1"].status is EmailStatus.SENT


# Delivery reports that come as mail


def group(final: str, action: str = "failed", status: str = "5.1.1", original: str = "") -> str:
    told_of = f"Original-Recipient: rfc822; {original}\r\n" if original else ""
    return f"{told_of}Final-Recipient: rfc822; {final}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"


def report(*groups: str, number: int = 1) -> bytes:
    """A delivery report about the e-mail "out"."""
    return (
        f"From: MAILER-DAEMON@fabrikam.example\r\nTo: {SALES}\r\nSubject: Undelivered\r\nMessage-ID: <d{number}@fabrikam.example>\r\n"
        "Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{''.join(groups)}"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <out@contoso.example>\r\n--b--\r\n"
    ).encode()


def house_with(*reports: bytes, status: EmailStatus = EmailStatus.SENT) -> House:
    house = House(*reports)
    sales = replace(house.configuration.mailboxes[0], owner="ann@contoso.example")
    house.configuration = replace(house.configuration, mailboxes=(sales, *house.configuration.mailboxes[1:]))
    known = KnownEmail(activity="out", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out@contoso.example>", known)])
    house.outgoing.prepare(
        OutgoingState(activity="out", status=status, sender=SALES, recipients=(ANN, BOB), changed=NOW, token=1)
    )
    return house


def state_of(house: House) -> OutgoingState:
    state = house.outgoing.get("out")
    assert state is not None
    return state


def test_a_report_about_some_names_them_and_the_e_mail_stays_sent() -> None:
    house = house_with(report(group(BOB), group(ANN, "delayed", "4.4.1")))

    house.route()

    state = state_of(house)
    assert [(one.address, one.outcome, one.reported, one.evidence) for one in told(state)] == [
        (ANN, GOOD, Reported.DELAYED, "delivery report: delayed (4.4.1)"),
        (BOB, NEVER, Reported.BOUNCED, "delivery report: failed for good (5.1.1)"),
    ]
    assert (state.status, state.reason) == (EmailStatus.SENT, f"delivery report: failed for good (5.1.1) ({BOB})")


def test_reports_about_all_fail_the_e_mail_with_each_reason() -> None:
    house = house_with(report(group(BOB)), report(group(ANN, status="5.2.2"), number=2))

    house.route()

    state = state_of(house)
    assert state.status is EmailStatus.FAILED
    assert state.reason == (
        f"delivery report: failed for good (5.2.2) ({ANN}); delivery report: failed for good (5.1.1) ({BOB})"
    )
    assert house.meters.counts["OutgoingMessagesUndelivered"] == 1


def test_the_owner_is_told_of_a_report_by_alert_and_note_and_nobody_by_mail() -> None:
    house = house_with(report(group(BOB)))

    house.route()

    (alert,) = house.alerts.all()
    assert (alert.kind, alert.about, alert.messages) == ("not_sent", "ann@contoso.example", ("out",))
    (note,) = house.crm.notes("out")
    assert note.text == f"Not delivered to {BOB}: delivery report: failed for good (5.1.1) ({BOB})"
    assert house.crm.activities == {}  # no notice was written


@pytest.mark.parametrize(
    ("action", "stands", "word"),
    [
        ("delivered", Reported.DELIVERED, "delivered"),
        ("relayed", Reported.RELAYED, "relayed"),
        ("expanded", Reported.RELAYED, "expanded"),
        ("delayed", Reported.DELAYED, "delayed"),
    ],
)
def test_what_a_report_tells_of_an_e_mail_that_goes_on_its_way_is_kept_and_settles_what_was_unknown(
    action: str, stands: Reported, word: str
) -> None:
    house = house_with(report(group(ANN, action, "2.0.0")), status=EmailStatus.UNKNOWN)

    house.route()

    state = state_of(house)
    assert [(one.reported, one.outcome) for one in told(state)] == [(stands, GOOD), (Reported.NOTHING, GOOD)]
    assert told(state)[0].evidence == f"delivery report: {word} (2.0.0)"
    assert state.status is EmailStatus.SENT
    assert house.alerts.all() == []


def test_a_report_about_where_mail_was_forwarded_counts_for_the_one_written_to_and_else_for_nobody() -> None:
    told_of = house_with(report(group("private@elsewhere.example", original=BOB)))
    silent = house_with(report(group("private@elsewhere.example")))

    told_of.route()
    silent.route()

    assert [one.reported for one in told(state_of(told_of))] == [Reported.NOTHING, Reported.BOUNCED]
    assert state_of(silent).results == ()
    assert (state_of(silent).history, silent.alerts.all()) == ((), [])


def test_what_a_report_turns_tells_when_by_which_request_and_on_what_evidence() -> None:
    house = house_with(report(group(BOB)))

    house.route()

    (entry,) = state_of(house).history
    assert (entry.at, entry.request) == (NOW, "request-of-the-pass")
    assert entry.evidence == f"delivery report: failed for good (5.1.1) ({BOB})"


def test_a_report_of_an_e_mail_to_one_fails_it_with_him_named() -> None:
    office = Office(server="ses")
    office.write(parties=(Party(Role.FROM, SALES), Party(Role.TO, ERIN)))
    office.sender.answers = [BY_SES]
    office.send()

    tell(office, KINDS[2], ["an.alias@fabrikam.example"])  # it can only mean him

    assert office.crm.activities["e1"].status is EmailStatus.FAILED
    assert ERIN in (office.crm.activities["e1"].reason or "")
