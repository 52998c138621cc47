"""Each function answers every event that it really gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.embedded.trouble import EmbeddedCloudError
from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.mailbox import Direction
from email_router.core.sending import OutgoingState
from tests.e2e.installation import ORGANISATION, Installation, installation
from tests.functions.amazon_sns import TOPIC, AmazonSns
from tests.shared import PROJECT
from tests.simulators.certificates import Authority

EVENTS = sorted((PROJECT / "events").glob("*/*.json"))
ACTIVITY = "3f0c6e0a-6f0b-4d57-9d1a-7d9f6c1f2b11"

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "pop3-in"
direction = "incoming"
server = "pop3"
host = "127.0.0.1"
port = 9
security = "none"
credentials = { env = "SOME_PASSWORD" }

[[profiles]]
name = "smtp-out"
direction = "outgoing"
server = "smtp"
host = "127.0.0.1"
port = 9
security = "none"
authentication = "anonymous"

[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
incoming = "pop3-in"
outgoing = "smtp-out"
accept = "all"
"""

ANSWERS: dict[str, Any] = {
    "schedule_mailboxes/minute": lambda answer: answer["queued"] in {0, 1},
    "schedule_mailboxes/requested": lambda answer: answer == {"queued": 1},
    "route_mailbox/schedule": lambda answer: answer == {"batchItemFailures": []},  # the trouble stands on the mailbox
    "route_mailbox/reconcile": lambda answer: answer == {"batchItemFailures": []},
    "route_mailbox/unreadable_order": lambda answer: len(answer["batchItemFailures"]) == 1,
    "receive_notification/browser": lambda answer: answer["statusCode"] == 405,
    "receive_notification/foreign": lambda answer: answer["statusCode"] == 202,
    "receive_notification/lifecycle": lambda answer: answer["statusCode"] == 202,
    "receive_notification/unreadable": lambda answer: answer["statusCode"] == 202,
    "receive_notification/without_mailbox": lambda answer: answer["statusCode"] == 202,
    "receive_notification/validation": lambda answer: (
        answer["statusCode"] == 200
        and answer["headers"]["Content-Type"].startswith("text/plain")
        and answer["body"].startswith("Validation: Testing client application")
        and "<" not in answer["body"]
    ),
    "receive_notification/webhook_forged": lambda answer: answer == {"statusCode": 403, "body": ""},
    "receive_notification/webhook_forged_in_the_query": lambda answer: answer == {"statusCode": 403, "body": ""},
    "receive_notification/webhook_without_a_key": lambda answer: answer == {"statusCode": 403, "body": ""},
    "renew_subscriptions/order": lambda answer: answer == {"batchItemFailures": []},
    "renew_subscriptions/tick": lambda answer: (
        answer == {"queued": 0}
    ),  # no mailbox of this organisation is in the cloud
    "collect_outgoing/minute": lambda answer: set(answer) == {"queued"},
    "collect_outgoing/nudged": lambda answer: set(answer) == {"queued"},
    "send_email/order": lambda answer: answer == {"batchItemFailures": []},
    "record_delivery/bounce_permanent": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/bounce_transient": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/complaint": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/delivery": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/delivery_delay": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/rendering_failure": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/sns_bounce_permanent": lambda answer: answer == {"activity": ACTIVITY},
    "record_delivery/reject": lambda answer: answer == {"activity": ACTIVITY},
    "publish_events/activity": lambda answer: answer == {"batchItemFailures": []},
    "publish_events/further_receipt": lambda answer: answer == {"batchItemFailures": []},
    "publish_events/refused": lambda answer: answer == {"batchItemFailures": []},
    "publish_events/regarding_changed": lambda answer: answer == {"batchItemFailures": []},
    "publish_events/result": lambda answer: answer == {"batchItemFailures": []},
    "publish_events/unreadable_row": lambda answer: answer == {"batchItemFailures": []},  # it is set aside
}


@pytest.fixture(scope="module")
def amazon_sns(authority: Authority) -> Iterator[AmazonSns]:
    """Amazon SNS, as the functions see it."""
    server = AmazonSns(authority)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, amazon_sns: AmazonSns) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch, installation() as running:
        patch.setenv("SOME_PASSWORD", "secret")
        file = tmp_path_factory.mktemp("events") / "router.toml"
        file.write_text(CONFIGURATION)
        running.publish(file)
        running.cloud.stack.stop_queues()
        running.cloud.stack.set_environment("record_delivery", amazon_sns.environment)
        yield running


def write_email(there: Installation, status: EmailStatus) -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    email = EmailActivity(
        id=ACTIVITY,
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        subject="Your order",
        created=now,
        parties=(Party(Role.FROM, "sales@contoso.example"), Party(Role.TO, "erin@fabrikam.example")),
    )
    there.backend.organisation().crm.create_outgoing(email)
    state = OutgoingState(activity=ACTIVITY, status=EmailStatus.PENDING, sender="sales@contoso.example", changed=now)
    states = there.services.outgoing(ORGANISATION)
    states.prepare(state)
    claimed = states.claim(ACTIVITY, now, "test")
    if claimed is not None:
        states.settle(replace(claimed), status, now, evidence="test")


def test_every_event_has_an_expected_answer() -> None:
    assert {f"{path.parent.name}/{path.stem}" for path in EVENTS} == set(ANSWERS)
    assert {path.parent.name for path in EVENTS} == {
        path.parent.name for path in (PROJECT / "functions").glob("*/handler.py")
    }


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_function_answers_the_event(path: Path, there: Installation) -> None:
    name = path.parent.name
    if name == "record_delivery":
        write_email(there, EmailStatus.SENT)

    answer = there.cloud.stack.invoke(name, json.loads(path.read_text()))

    assert ANSWERS[f"{name}/{path.stem}"](answer), answer


def test_the_trouble_of_a_mailbox_stands_on_it_with_its_mend(there: Installation) -> None:
    there.cloud.stack.invoke("route_mailbox", json.loads((PROJECT / "events/route_mailbox/schedule.json").read_text()))

    state = there.state("sales@contoso.example")

    assert state.error_kind
    assert "sales@contoso.example" in state.error_text or "127.0.0.1" in state.error_text
    assert state.error_mend


def test_a_permanent_bounce_event_has_turned_its_e_mail_to_failed(there: Installation) -> None:
    write_email(there, EmailStatus.SENT)
    there.cloud.stack.invoke(
        "record_delivery", json.loads((PROJECT / "events/record_delivery/bounce_permanent.json").read_text())
    )

    email = there.backend.organisation().crm.email(ACTIVITY)

    assert email is not None
    assert email.status is EmailStatus.FAILED
    assert "5.1.1" in (email.reason or "")


SIGNED = json.loads((PROJECT / "events/record_delivery/sns_bounce_permanent.json").read_text())


def test_a_bounce_that_sns_signed_fails_its_e_mail_once_the_certificate_was_fetched_from_sns_itself(
    there: Installation, amazon_sns: AmazonSns
) -> None:
    write_email(there, EmailStatus.SENT)

    there.cloud.stack.invoke("record_delivery", SIGNED)
    there.cloud.stack.invoke("record_delivery", SIGNED)

    email = there.backend.organisation().crm.email(ACTIVITY)
    assert email is not None
    assert (email.status, "5.1.1" in (email.reason or "")) == (EmailStatus.FAILED, True)
    assert set(amazon_sns.asked) == {"/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"}


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": SIGNED["Records"][0]["Sns"]["Message"].replace(ACTIVITY, "3f0c6e0a-6f0b-4d57-9d1a-000000000000")},
        {"TopicArn": TOPIC.replace("123456789012", "666666666666")},
        {"SigningCertUrl": "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem"},
        {"Signature": ""},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_notice_that_sns_did_not_sign_ends_as_a_failed_event_and_changes_nothing(
    there: Installation, changed: dict[str, str]
) -> None:
    (record,) = SIGNED["Records"]
    forged = {"Records": [{**record, "Sns": {**record["Sns"], **changed}}]}

    with pytest.raises(EmbeddedCloudError, match="was not believed"):
        there.cloud.stack.invoke("record_delivery", forged)
