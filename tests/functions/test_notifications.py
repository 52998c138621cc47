"""What receive_notification does with all that anybody may post to its address."""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.subscriptions import SubscriptionWork, Watched, client_state, proves
from email_router.core.work import MailboxWork
from email_router.wiring import notifications
from email_router.wiring.notifications import LONGEST_TOKEN, MOST_LOOKED_AT, Receiver
from tests.fakes import FixedClock, MemoryNudges, MemoryQueues, fail

SALES = Watched("contoso", "sales@contoso.example", "key-of-the-subscription")
SECRET = "canary-secret-" * 4
SETTINGS = {
    "ROUTER_TABLE": "router",
    "MAILBOX_QUEUE_URL": "https://sqs.example/mailbox",
    "SUBSCRIPTION_QUEUE_URL": "https://sqs.example/subscription",
    "NOTIFICATION_SECRET": "arn",
}


class Desk:
    """The receiver with fakes around it."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.queues = MemoryQueues()
        self.nudges = {"contoso": MemoryNudges(), "fabrikam": MemoryNudges()}
        self.secret_reads = 0
        self.receiver = Receiver(
            secret=self._secret,
            nudges=self.nudges.__getitem__,
            queues=self.queues,  # type: ignore[arg-type]  # the fake passes the same contract
            now=self.clock.now,
        )

    def _secret(self) -> str:
        self.secret_reads += 1
        return SECRET

    def post(self, value: object, watched: Watched = SALES) -> dict[str, Any]:
        return self.send(json.dumps({"value": value}), {"mailbox": watched.token})

    def send(self, body: str | None, query: dict[str, str] | None, method: str = "POST", **more: Any) -> dict[str, Any]:
        event: dict[str, Any] = {"requestContext": {"http": {"method": method}}, "isBase64Encoded": False, **more}
        if body is not None:
            event["body"] = body
        if query is not None:
            event["queryStringParameters"] = query
        return self.receiver.answer(event)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def told(watched: Watched = SALES, **more: object) -> dict[str, object]:
    return {"subscriptionId": "s1", "clientState": client_state(SECRET, watched), "changeType": "created", **more}


def test_a_notification_nudges_and_queues_its_mailbox(desk: Desk) -> None:
    answer = desk.post([told()])

    assert answer == {"statusCode": 202, "body": ""}
    assert desk.queues.mailboxes == [MailboxWork("contoso", "sales@contoso.example", "notification")]
    assert list(desk.nudges["contoso"].standing) == ["sales@contoso.example"]


def test_several_notifications_in_one_post_are_one_pass(desk: Desk) -> None:
    desk.post([told() for _ in range(20)])

    assert len(desk.queues.mailboxes) == 1


def test_a_flood_of_ten_thousand_posts_is_one_pass_a_minute(desk: Desk) -> None:
    answers = [desk.post([told()])["statusCode"] for _ in range(10_000)]

    assert set(answers) == {202}
    assert len(desk.queues.mailboxes) == 1
    desk.clock.advance(60)
    desk.post([told()])
    assert len(desk.queues.mailboxes) == 2


def test_a_body_with_ten_thousand_notifications_is_one_pass(desk: Desk) -> None:
    desk.post([told() for _ in range(10_000)])

    assert len(desk.queues.mailboxes) == 1


@pytest.mark.parametrize(
    "value",
    [
        [told(Watched("contoso", "ann@contoso.example", "key-of-the-subscription"))],
        [told(Watched("fabrikam", "sales@contoso.example", "key-of-the-subscription"))],
        [told(clientState=None)],
        [told(clientState="")],
        [told(clientState=["x"])],
        [told(clientState="x" * 1_000_000)],
        [{"subscriptionId": "s1"}],
        [],
        [None, 1, "x", []],
        None,
        {},
        "text",
    ],
)
def test_what_proves_nothing_queues_nothing_and_is_answered_the_same(desk: Desk, value: object) -> None:
    assert desk.post(value) == {"statusCode": 202, "body": ""}

    assert (desk.queues.mailboxes, desk.queues.subscriptions) == ([], [])
    assert desk.nudges["contoso"].standing == {}


def test_a_flood_in_one_post_is_proved_once_and_looked_at_up_to_a_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Watched] = []
    looked: list[object] = []

    def counted_state(secret: str, watched: Watched) -> str:
        made.append(watched)
        return client_state(secret, watched)

    def counted_proof(state: str, given: object) -> bool:
        looked.append(given)
        return proves(state, given)

    monkeypatch.setattr(notifications, "client_state", counted_state)
    monkeypatch.setattr(notifications, "proves", counted_proof)

    desk.post([told()] * 20_000)

    assert made == [SALES]
    assert len(looked) == MOST_LOOKED_AT
    assert desk.secret_reads == 1
    assert len(desk.queues.mailboxes) == 1


def test_among_foreign_notifications_ours_counts(desk: Desk) -> None:
    desk.post([told(clientState="foreign"), told(), told(clientState="foreign")])

    assert len(desk.queues.mailboxes) == 1


@pytest.mark.parametrize(
    "body", [None, "", "{", "[]", "1", "null", "\x00", "[" * 100_000, '{"value": [{"clientState": "\\udc80"}]}']
)
def test_an_unreadable_body_is_no_error(desk: Desk, body: str | None) -> None:
    assert desk.send(body, {"mailbox": SALES.token})["statusCode"] == 202
    assert desk.queues.mailboxes == []


@pytest.mark.parametrize("query", [None, {}, {"mailbox": ""}, {"mailbox": "x"}, {"mailbox": "%" * 5000}])
def test_an_address_that_leads_to_no_mailbox_is_no_error_and_costs_no_secret(
    desk: Desk, query: dict[str, str] | None
) -> None:
    assert desk.send(json.dumps({"value": [told()]}), query)["statusCode"] == 202
    assert desk.queues.mailboxes == []
    assert desk.secret_reads == 0


def test_a_body_that_lambda_hands_over_in_base64_is_read(desk: Desk) -> None:
    body = base64.b64encode(json.dumps({"value": [told()]}).encode()).decode()

    desk.send(body, {"mailbox": SALES.token}, isBase64Encoded=True)
    desk.send("%%%", {"mailbox": SALES.token}, isBase64Encoded=True)

    assert len(desk.queues.mailboxes) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_a_post_is_taken(desk: Desk, method: str) -> None:
    answer = desk.send(None, {"validationToken": "x"}, method)

    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "POST")


def test_a_validation_token_comes_back_as_plain_text(desk: Desk) -> None:
    token = "Validation: Testing client application reachability for subscription Request-Id: 9dd8c6a0-11ab"

    answer = desk.send(None, {"mailbox": SALES.token, "validationToken": token})

    assert (answer["statusCode"], answer["body"]) == (200, token)
    assert answer["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
    assert desk.secret_reads == 0


@pytest.mark.parametrize("token", ["<script>alert(1)</script>", 'a"b', "a&b", "x\r\nSet-Cookie: a=b", "x" * 100_000])
def test_a_hostile_validation_token_comes_back_escaped_and_short(desk: Desk, token: str) -> None:
    body = desk.send(None, {"validationToken": token})["body"]

    assert not set(body) & set('<>"\r\n')
    assert len(html.unescape(body)) <= LONGEST_TOKEN


def test_a_removed_subscription_is_looked_after_and_its_mailbox_looked_into(desk: Desk) -> None:
    desk.post([told(lifecycleEvent="subscriptionRemoved"), told(lifecycleEvent="subscriptionRemoved")])

    assert desk.queues.subscriptions == [
        SubscriptionWork("contoso", "sales@contoso.example", "subscriptionRemoved", "s1")
    ]
    assert len(desk.queues.mailboxes) == 1


def test_a_subscription_that_wants_authority_is_looked_after_without_a_pass(desk: Desk) -> None:
    desk.post([told(lifecycleEvent="reauthorizationRequired")])

    assert [one.event for one in desk.queues.subscriptions] == ["reauthorizationRequired"]
    assert desk.queues.mailboxes == []


def test_missed_notifications_are_one_pass(desk: Desk) -> None:
    desk.post([told(lifecycleEvent="missed")])

    assert len(desk.queues.mailboxes) == 1
    assert desk.queues.subscriptions == []


def test_an_event_that_nobody_knows_yet_is_no_error(desk: Desk) -> None:
    assert desk.post([told(lifecycleEvent="somethingNew"), told(lifecycleEvent=7)])["statusCode"] == 202
    assert desk.queues.subscriptions == []


def test_a_queue_that_is_away_takes_the_nudge_back_and_graph_is_let_post_again(desk: Desk) -> None:
    fail(desk.queues, "put_mailboxes", TryLater("queue away", shared=True))

    with pytest.raises(TryLater):
        desk.post([told()])
    desk.post([told()])

    assert len(desk.queues.mailboxes) == 1


def test_no_secret_address_or_proof_reaches_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.post([told(), told(clientState="canary-foreign"), told(lifecycleEvent="subscriptionRemoved")])
        desk.send("canary-body {", {"mailbox": SALES.token, "x": "canary-query"})
        desk.send(None, {"validationToken": "canary-token"})

    written = caplog.text + capsys.readouterr().out + json.dumps([vars(one) for one in caplog.records], default=str)
    assert "notified" in written
    for secret in ("canary", "sales@contoso", client_state(SECRET, SALES), SALES.token, SALES.key):
        assert secret not in written


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_is_named_at_the_start(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        notifications.receiver({**SETTINGS, name: ""})


def test_a_cold_start_loads_nothing_that_only_other_functions_need() -> None:
    """Graph gives three seconds; what is loaded here takes a tenth of one."""
    heavy = ("pydantic", "msal", "nh3", "exchangelib", "lxml", "cryptography", "requests", "flufl")
    script = (
        "import sys; import email_router.wiring.reception, email_router.wiring.observe; "
        f"print([one for one in {heavy!r} if one in sys.modules], "
        "sorted(one for one in sys.modules if one.startswith('email_router.core.flows')), "
        "'email_router.core.parse' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[] [] False"


@pytest.mark.alone
def test_a_cold_start_takes_no_more_than_a_few_clients_of_aws_do(tmp_path: Path) -> None:
    """Graph gives three seconds, and the clients of AWS are all but a part of them on any machine: so what is ours beside them is small."""
    handler = Path(__file__).parents[2] / "functions" / "receive_notification" / "handler.py"
    request = {"requestContext": {"http": {"method": "POST"}}, "queryStringParameters": {"validationToken": "echo"}}
    bare = "import boto3\nfor name in ('secretsmanager', 'dynamodb', 'sqs'): boto3.client(name)"
    ours = (
        "import runpy, types\n"
        f"found = runpy.run_path({str(handler)!r})\n"
        "context = types.SimpleNamespace(function_name='f', memory_limit_in_mb=256, invoked_function_arn='a', aws_request_id='r')\n"
        f"assert found['handler']({request!r}, context)['body'] == 'echo'"
    )

    spent = [min(_cpu_seconds(script, tmp_path) for _ in range(5)) for script in (bare, ours)]

    assert spent[1] < spent[0] * 1.6, spent


def _cpu_seconds(script: str, home: Path) -> float:
    """Return the CPU time that a fresh interpreter takes for a script, without that of its own start."""
    timed = f"import time; began = time.process_time()\n{script}\nprint(time.process_time() - began)"
    away = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "HOME": str(home),
    }
    crm = {"COLLECT_OUTGOING_FUNCTION": "arn"}
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", timed],
        capture_output=True,
        text=True,
        check=True,
        env={**SETTINGS, **crm, **away, **paths},
    )
    return float(done.stdout.split()[-1])


def test_the_clock_of_the_receiver_tells_utc() -> None:
    built = Receiver(secret=str, nudges=lambda name: MemoryNudges(), queues=MemoryQueues())  # type: ignore[arg-type]  # as above

    now: datetime = built.now()

    assert now.utcoffset() is not None
