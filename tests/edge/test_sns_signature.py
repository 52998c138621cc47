"""A notification by SNS is believed when SNS signed it, and then only."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from email_router.core.errors import MessageRefused
from email_router.core.ports import Reach
from email_router.edge.connect.sns_signature import SnsSignature
from email_router.wiring.events import delivery_event
from email_router.wiring.sns import SnsNotices

URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses"
EVENT = {
    "eventType": "Bounce",
    "mail": {"messageId": "0102", "destination": ["erin@fabrikam.example"], "tags": {"activity": ["e1"]}},
    "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": []},
}
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])


class Amazon:
    """Who signs: a key with its certificate, and how often that was fetched."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(_NAME)
            .issuer_name(_NAME)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        self.pem = built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        """Return the certificate."""
        self.fetched.append(url)
        return self.pem

    def notice(self, version: str = "2", message: str = json.dumps(EVENT), **changed: Any) -> dict[str, Any]:
        """Return a notice as a function gets it, signed by hand as the developer guide says; `changed` after it was signed."""
        given: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": TOPIC,
            "Message": message,
            "Timestamp": "2026-11-24T12:00:00.000Z",
            "SignatureVersion": version,
            "SigningCertUrl": URL,
            "Subject": changed.pop("Subject", None),
        }
        lines = [f"Message\n{given['Message']}\n", "MessageId\nm-1\n"]
        lines += [f"Subject\n{given['Subject']}\n"] if given["Subject"] is not None else []
        lines += [f"Timestamp\n{given['Timestamp']}\n", f"TopicArn\n{given['TopicArn']}\n", "Type\nNotification\n"]
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign("".join(lines).encode(), PKCS1v15(), algorithm)
        return {**given, "Signature": base64.b64encode(signature).decode(), **changed}


@pytest.fixture(scope="module")
def amazon() -> Amazon:
    return Amazon()


def opened(amazon: Amazon, *notices: dict[str, Any]) -> list[dict[str, Any]]:
    records = [{"EventSource": "aws:sns", "Sns": notice} for notice in notices]
    opening = SnsNotices(Reach(), TOPIC, SnsSignature(Reach(), amazon.fetch))
    return list(opening.opened({"Records": records}))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification"])
def test_what_sns_signed_is_opened_in_either_version(amazon: Amazon, version: str, subject: str | None) -> None:
    (event,) = opened(amazon, amazon.notice(version, Subject=subject))

    said = delivery_event(event)

    assert (said.kind, said.permanent, said.activity, said.provider_id) == ("bounce", True, "e1", "0102")


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": json.dumps({**EVENT, "eventType": "Delivery"})},
        {"TopicArn": "arn:aws:sns:eu-west-1:666666666666:ses"},
        {"Timestamp": "2026-11-25T12:00:00.000Z"},
        {"Signature": base64.b64encode(bytes(256)).decode()},
        {"Signature": "not base64!"},
        {"Signature": ""},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
        {"Type": "SubscriptionConfirmation"},
    ],
)
def test_a_notice_that_was_changed_is_refused(amazon: Amazon, changed: dict[str, Any]) -> None:
    with pytest.raises(MessageRefused) as refusal:
        opened(amazon, {**amazon.notice(), **changed})

    assert refusal.value.kind == "sns_signature"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123abcd.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem?x=y",
        "https://sns.eu-west-1.amazonaws.com/../evil.pem",
        URL + "\n",
    ],
)
def test_a_certificate_of_any_other_host_is_not_even_fetched(amazon: Amazon, url: str) -> None:
    before = len(amazon.fetched)

    with pytest.raises(MessageRefused):
        opened(amazon, {**amazon.notice(), "SigningCertUrl": url})

    assert len(amazon.fetched) == before


def test_the_certificate_is_fetched_once_for_many_notices(amazon: Amazon) -> None:
    before = len(amazon.fetched)

    events = opened(amazon, *(amazon.notice() for _ in range(5)))

    assert (len(events), len(amazon.fetched) - before) == (5, 1)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_cannot_be_read_proves_nothing(amazon: Amazon, pem: bytes) -> None:
    with pytest.raises(MessageRefused):
        SnsSignature(Reach(), lambda _url: pem).prove(amazon.notice())


def test_feedback_of_an_identity_by_sns_is_read_like_published_events(amazon: Amazon) -> None:
    feedback = {**{name: value for name, value in EVENT.items() if name != "eventType"}, "notificationType": "Bounce"}

    assert delivery_event({"detail": feedback}) == delivery_event({"detail": EVENT})


def test_what_eventbridge_brings_passes_as_it_is() -> None:
    assert list(SnsNotices(Reach(), "").opened({"detail": EVENT})) == [{"detail": EVENT}]


@pytest.mark.parametrize("topic", ["", "arn:aws:sns:eu-west-1:123456789012:another"])
def test_what_sns_signed_for_another_topic_than_the_stages_own_is_refused_unread(amazon: Amazon, topic: str) -> None:
    before = len(amazon.fetched)
    notices = SnsNotices(Reach(), topic, SnsSignature(Reach(), amazon.fetch))

    with pytest.raises(MessageRefused, match="another topic"):
        list(notices.opened({"Records": [{"Sns": amazon.notice()}]}))

    assert len(amazon.fetched) == before


def test_events_of_one_invocation_are_opened_in_their_order(amazon: Amazon) -> None:
    events = opened(amazon, amazon.notice("1"), amazon.notice("2"))

    assert [delivery_event(one).kind for one in events] == ["bounce", "bounce"]


@pytest.mark.parametrize(
    "message",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        json.dumps(
            {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed"}
        ),
    ],
)
def test_what_ses_says_as_the_topic_is_set_up_is_no_event_and_no_trouble(amazon: Amazon, message: str) -> None:
    events = opened(amazon, amazon.notice(message=message), amazon.notice())

    assert [delivery_event(one).kind for one in events] == ["bounce"]


@pytest.mark.parametrize("message", ["Hello", "{}", "[]", json.dumps({"eventType": "Bounce"})])
def test_a_signed_notice_of_something_else_is_told(amazon: Amazon, message: str) -> None:
    with pytest.raises(MessageRefused, match="no event of Amazon SES"):
        opened(amazon, amazon.notice(message=message))


def test_what_ses_says_as_the_topic_is_set_up_is_believed_of_sns_alone(amazon: Amazon) -> None:
    said = "Successfully validated SNS topic for Amazon SES event publishing."

    with pytest.raises(MessageRefused, match="was not believed"):
        opened(amazon, {**amazon.notice(), "Message": said})
