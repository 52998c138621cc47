"""The event that Amazon SES publishes when a mail bounces for good.

Amazon SES developer guide, "Examples of event data that Amazon SES publishes to Amazon EventBridge"; the addresses are made up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from email_router.core.sending import OutgoingState

_ACCOUNT = "000000000000"
_REGION = "us-east-1"


def bounce_detail(state: OutgoingState, organisation: str, configuration_set: str) -> dict[str, Any]:
    """Return the event's detail for an e-mail that SES accepted."""
    now = datetime.now(UTC)
    recipient = state.recipients[0]
    return {
        "eventType": "Bounce",
        "bounce": {
            "feedbackId": f"{state.provider_id}-feedback",
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {
                    "emailAddress": recipient,
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                }
            ],
            "timestamp": _instant(now),
            "reportingMTA": "dsn; a8-50.smtp-out.amazonses.com",
        },
        "mail": _mail(state, now - timedelta(seconds=2), organisation, configuration_set),
    }


def _mail(state: OutgoingState, at: datetime, organisation: str, configuration_set: str) -> dict[str, Any]:
    return {
        "timestamp": _instant(at),
        "source": state.sender,
        "sourceArn": f"arn:aws:ses:{_REGION}:{_ACCOUNT}:identity/{state.sender}",
        "sendingAccountId": _ACCOUNT,
        "messageId": state.provider_id,
        "destination": list(state.recipients),
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": state.sender},
            {"name": "To", "value": ", ".join(state.recipients)},
            {"name": "Subject", "value": state.subject},
            {"name": "Message-ID", "value": state.message_id},
        ],
        "commonHeaders": {
            "from": [state.sender],
            "to": list(state.recipients),
            "messageId": state.provider_id,
            "subject": state.subject,
        },
        "tags": {
            "ses:operation": ["SendEmail"],
            "ses:configuration-set": [configuration_set],
            "ses:from-domain": [state.sender.rpartition("@")[2]],
            "ses:caller-identity": ["email-router"],
            "organisation": [organisation],
            "activity": [state.activity],
        },
    }


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
