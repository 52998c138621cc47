"""What each event of SES means, as the developer guide and real records have it ("Contents of event data")."""

from __future__ import annotations

from typing import Any

import pytest

from email_router.core.reports import of_event
from email_router.core.sending import Reported
from email_router.wiring.events import delivery_event

ERIN, BOB = "erin@fabrikam.example", "bob@fabrikam.example"


def event(kind: str, part: dict[str, Any], **mail: Any) -> dict[str, Any]:
    """An event as EventBridge brings it."""
    names = {"Bounce": "bounce", "Complaint": "complaint", "DeliveryDelay": "deliveryDelay", "Delivery": "delivery"}
    whole = {"messageId": "0102", "destination": [ERIN, BOB], "timestamp": "2026-11-24T12:00:00.000Z", **mail}
    return {"detail": {"eventType": kind, "mail": whole, names[kind]: part}}


def bounced(kind: str, subtype: str, **told: str) -> dict[str, Any]:
    """A bounce of one of two."""
    recipients = [{"emailAddress": ERIN, **told}]
    return event("Bounce", {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": recipients})


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (bounced("Permanent", "General"), Reported.BOUNCED),
        (bounced("Permanent", "OnAccountSuppressionList"), Reported.BOUNCED),
        (bounced("Transient", "MailboxFull"), Reported.BOUNCED),
        # A mail that SES tried for fourteen hours: "554 4.4.7 Message expired: unable to deliver in 840 minutes".
        (bounced("Transient", "General", action="failed", status="4.4.7"), Reported.BOUNCED),
        (bounced("Undetermined", "Undetermined", action="failed", status="5.0.0"), Reported.BOUNCED),
        # An answer by somebody who is out of office is no delivery report, so it names no action.
        (bounced("Transient", "General"), Reported.DELAYED),
        (bounced("Transient", "General", action="delayed", status="4.4.1"), Reported.DELAYED),
        (bounced("Undetermined", "Undetermined"), Reported.DELAYED),
    ],
)
def test_a_bounce_ends_the_waiting_where_nobody_tries_any_more(given: dict[str, Any], what: Reported) -> None:
    report = of_event(delivery_event(given), (ERIN, BOB))

    assert (report.addresses, report.what) == ((ERIN,), what)


@pytest.mark.parametrize(
    ("part", "what", "words"),
    [
        ({"complaintFeedbackType": "abuse"}, Reported.COMPLAINED, "abuse"),
        ({"complaintSubType": None}, Reported.COMPLAINED, "no reason given"),
        ({"complaintFeedbackType": "not-spam"}, Reported.DELIVERED, "not-spam"),
        ({"complaintSubType": "OnAccountSuppressionList"}, Reported.BOUNCED, "delete-suppressed-destination"),
    ],
)
def test_a_complaint_may_also_tell_that_nothing_was_sent_or_that_all_is_well(
    part: dict[str, Any], what: Reported, words: str
) -> None:
    given = event("Complaint", {**part, "complainedRecipients": [{"emailAddress": ERIN}]})

    report = of_event(delivery_event(given), (ERIN, BOB))

    assert (report.addresses, report.what) == ((ERIN,), what)
    assert words in report.evidence


def test_our_own_message_id_is_read_from_the_headers_and_when_ses_took_the_mail() -> None:
    headers = [{"name": "Subject", "value": "x"}, {"name": "message-id", "value": "<1@contoso.example>"}]

    said = delivery_event(event("Delivery", {"recipients": [ERIN]}, headers=headers))

    assert said.message_id == "<1@contoso.example>"
    assert said.taken is not None
    assert said.taken.isoformat() == "2026-11-24T12:00:00+00:00"


@pytest.mark.parametrize("mail", [{"timestamp": "yesterday"}, {"timestamp": None}, {"headers": None}, {"headers": []}])
def test_an_event_without_them_is_read_all_the_same(mail: dict[str, Any]) -> None:
    said = delivery_event(event("Delivery", {"recipients": [ERIN]}, **mail))

    assert (said.kind, said.message_id) == ("delivery", "")
