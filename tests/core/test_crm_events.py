"""Events for other CRMs say what happened in the words of their schemas, each under an id of its own."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import ValidationError

from email_router.core import crm_event_details as details
from email_router.core.activity import EmailStatus, Party, Role, StoredAttachment
from email_router.core.crm_event_size import MOST_BYTES, fitting
from email_router.core.crm_events import AT_REST, CrmEvent, DetailType, FurtherReceipt, NewActivity, Result, event_id
from email_router.core.ledger import Outcome, Receipt
from email_router.core.sending import OutgoingState, RecipientResult, Reported, SendOutcome
from tests.crm_event_schemas import check, schema
from tests.deliveries import ANN, NOW, SALES, delivery, later, outgoing


def place(key: str) -> tuple[str, str]:
    return "data-bucket", f"placed/{key}"


def new(**given: Any) -> NewActivity:
    activity = replace(delivery(1).activity, created=NOW, **given)
    return NewActivity(organisation="contoso", at=later(1), sequence="7", activity=activity)


def told(fact: NewActivity, body: str | None = None) -> dict[str, Any]:
    detail: dict[str, Any] = json.loads(fitting(details.delivered(fact, body, place).detail))
    return detail


def further(mailbox: str = ANN, **given: Any) -> FurtherReceipt:
    receipt = Receipt("key", mailbox, Outcome.DELIVERED, "accept_all", "a-1", at=NOW, **given)
    return FurtherReceipt(organisation="contoso", at=NOW, sequence="8", receipt=receipt, activity="a-1")


def state(status: EmailStatus, **given: Any) -> OutgoingState:
    plain: dict[str, Any] = {
        "message_id": "<own@contoso.example>",
        "subject": "Your order CRM:0001001",
        "tracking_token": "CRM:0001001",
        "recipients": ("erin@fabrikam.example", "eve@fabrikam.example"),
        "blob": "outgoing/e1/abc",
        "attempts": 1,
    }
    return OutgoingState(activity="e1", status=status, sender=SALES, changed=NOW, **{**plain, **given})


def result(status: EmailStatus = EmailStatus.SENT, occasion: str = "1", **given: Any) -> Result:
    plain: dict[str, Any] = {"state": state(status), "email": outgoing("e1"), "reason": "250 accepted"}
    return Result(
        organisation="contoso",
        at=NOW,
        sequence="9",
        activity="e1",
        status=status,
        occasion=occasion,
        **{**plain, **given},
    )


def resulted(fact: Result) -> dict[str, Any]:
    detail: dict[str, Any] = json.loads(fitting(details.resulted(fact, place).detail))
    check(DetailType.OUTGOING_RESULT, detail)
    return detail


def test_a_new_activity_is_told_with_parties_records_and_places() -> None:
    attached = StoredAttachment("order.pdf", "application/pdf", 5, "ab" * 32, False, None, "attachment/x")

    detail = told(new(attachments=(attached,), raw="raw/key"), "body/a.json")

    check(DetailType.ACTIVITY_DELIVERED, detail)
    assert detail["at"] == "2026-11-02T09:00:00.000Z"
    assert detail["parties"][0] == {
        "role": "from",
        "address": "erin@fabrikam.example",
        "name": "Erin",
        "record": {"kind": "contact", "id": "c-1", "name": "Erin Fabrikam"},
    }
    assert detail["regarding"] == {"kind": "account", "id": "a-1", "name": "Fabrikam"}
    assert detail["attachments"][0]["content"] == {"bucket": "data-bucket", "key": "placed/attachment/x"}
    assert detail["body"] == {"bucket": "data-bucket", "key": "placed/body/a.json"}
    assert detail["raw"] == {"bucket": "data-bucket", "key": "placed/raw/key"}
    assert detail["receipts"] == [SALES]


def test_no_body_is_in_an_event() -> None:
    written = json.dumps(told(new(), "body/a.json")) + json.dumps(resulted(result()))

    assert "where is my order" not in written
    assert "on its way" not in written


def test_a_further_mailbox_is_told() -> None:
    detail = dict(details.received(further(content_differs=True)).detail)

    check(DetailType.FURTHER_RECEIPT, detail)
    assert (detail["activity"], detail["mailbox"], detail["content_differs"]) == ("a-1", ANN, True)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (EmailStatus.SENT, "accepted"),
        (EmailStatus.FAILED, "refused"),
        (EmailStatus.UNKNOWN, "unknown"),
        (EmailStatus.CANCELLED, "not_sent"),
    ],
)
def test_recipients_who_share_one_fate_are_told_alike(status: EmailStatus, outcome: str) -> None:
    detail = resulted(result(status))

    assert [(one["address"], one["outcome"]) for one in detail["recipients"]] == [
        ("erin@fabrikam.example", outcome),
        ("eve@fabrikam.example", outcome),
    ]
    assert detail["message"] == {"bucket": "data-bucket", "key": "placed/outgoing/e1/abc"}
    assert detail["subject"] == "Your order CRM:0001001"


def test_a_recipient_s_own_result_and_report_are_told() -> None:
    results = (
        RecipientResult("erin@fabrikam.example", SendOutcome.ACCEPTED, "250", Reported.BOUNCED),
        RecipientResult("eve@fabrikam.example", SendOutcome.REFUSED, "550 no such user"),
    )

    detail = resulted(result(state=state(EmailStatus.SENT, results=results)))

    assert [(one["outcome"], one["reported"]) for one in detail["recipients"]] == [
        ("accepted", "bounced"),
        ("refused", None),
    ]


def test_an_e_mail_that_was_never_taken_up_is_told_without_a_state() -> None:
    ours = resulted(result(EmailStatus.FAILED, state=None))
    theirs = resulted(result(EmailStatus.FAILED, state=None, email=None))

    assert (ours["sender"], ours["attempts"], ours["message"]) == (SALES, 0, None)
    assert [one["outcome"] for one in ours["recipients"]] == ["not_sent"]
    assert (theirs["sender"], theirs["subject"], theirs["recipients"], theirs["email"]) == (None, None, [], None)


def test_the_same_fact_has_the_same_id_and_another_fact_another() -> None:
    facts: list[Any] = [
        new(),
        further(),
        further(SALES),
        result(),
        result(occasion="2"),
        result(EmailStatus.FAILED),
        result(EmailStatus.CANCELLED),
        replace(new(), organisation="fabrikam"),
    ]

    ids = [event_id(fact) for fact in facts]

    assert len(set(ids)) == len(ids)
    assert [event_id(replace(fact, sequence="999", at=later(9))) for fact in facts] == ids
    assert {uuid.UUID(one).version for one in ids} == {5}


def test_a_cancellation_is_one_whichever_row_tells_it() -> None:
    by_state, by_crm = result(EmailStatus.CANCELLED, "1"), result(EmailStatus.CANCELLED, "2", state=None)

    assert event_id(by_state) == event_id(by_crm)


def test_an_event_that_would_be_too_large_is_cut_and_says_so() -> None:
    crowd = tuple(Party(Role.TO, f"person{number}@fabrikam.example", "Name " * 10) for number in range(5000))

    event = details.delivered(new(parties=crowd, subject="long " * 1000, references=("<a@b>",) * 20), None, place)
    text = fitting(event.detail)
    detail = json.loads(text)

    assert len(json.dumps(event.detail)) > MOST_BYTES
    assert len(text.encode()) <= MOST_BYTES
    check(DetailType.ACTIVITY_DELIVERED, detail)
    assert detail["shortened"] == ["texts", "parties"]
    assert len(detail["subject"]) == 1000
    assert len(detail["parties"]) > 500
    assert len(detail["references"]) == 20


def test_a_large_list_inside_the_e_mail_of_a_result_is_cut_too() -> None:
    crowd = tuple(Party(Role.TO, f"person{number}@fabrikam.example", "Name " * 20) for number in range(5000))

    detail = resulted(result(email=outgoing("e1", parties=crowd)))

    assert detail["shortened"] == ["texts", "email.parties"]


def test_half_of_a_surrogate_pair_does_not_stop_an_event() -> None:
    assert told(new(subject="\ud83d order"))["subject"] == "? order"


def test_an_event_that_fits_is_left_as_it_is() -> None:
    event = details.delivered(new(subject="x" * 2000), None, place)

    assert json.loads(fitting(event.detail)) == event.detail


EVENTS: list[CrmEvent] = [
    details.delivered(new(), "body/a.json", place),
    details.received(further()),
    details.resulted(result(), place),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_with_a_field_too_many_or_too_few_does_not_fit_its_schema(event: CrmEvent) -> None:
    whole = json.loads(fitting(event.detail))

    check(event.type, whole)
    for detail in ({**whole, "more": 1}, *({**whole, name: 3.5} for name in whole)):
        with pytest.raises(ValidationError):
            check(event.type, detail)
    for name in whole:
        with pytest.raises(ValidationError):
            check(event.type, {one: value for one, value in whole.items() if one != name})


def test_the_schemas_know_every_word_and_no_other() -> None:
    properties = schema(DetailType.OUTGOING_RESULT)["properties"]
    recipient = properties["recipients"]["items"]["properties"]

    assert set(properties["status"]["enum"]) == {one.value for one in AT_REST}
    assert set(recipient["outcome"]["enum"]) == {one.value for one in SendOutcome} | {"not_sent"}
    assert set(recipient["reported"]["enum"]) == {one.value or None for one in Reported}
