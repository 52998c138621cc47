"""What receive_notification does with all that anybody may post to the path of a CRM."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest

from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.webhooks import KEY_HEADER, LONGEST_READ, path_of, webhook_key
from email_router.wiring import reception, webhooks
from email_router.wiring.notifications import Receiver
from email_router.wiring.reception import Reception
from email_router.wiring.webhooks import Webhooks
from tests.core.test_webhooks import context
from tests.fakes import FixedClock, MemoryNudges, MemoryQueues, fail
from tests.functions.test_notifications import SETTINGS
from tests.memory.nudging import MemoryCollects, MemoryOutgoingNudges

SECRET = "canary-secret-" * 4
KEY = webhook_key(SECRET, "contoso")
PENDING, SENT = context({"Value": 6}), context({"Value": 3})


class Desk:
    """The reception with fakes around it."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.queues = MemoryQueues()
        self.collects = MemoryCollects()
        self.nudges = {name: MemoryOutgoingNudges() for name in ("contoso", "fabrikam")}
        self.secret_reads = 0
        graph = Receiver(
            secret=self._secret,
            nudges=lambda _: MemoryNudges(),
            queues=self.queues,  # type: ignore[arg-type]  # the fake passes the same contract
        )
        crm = Webhooks(secret=self._secret, nudges=self.nudges.__getitem__, collects=self.collects, now=self.clock.now)
        self.reception = Reception(graph, crm)

    def _secret(self) -> str:
        self.secret_reads += 1
        return SECRET

    def post(self, body: bytes = PENDING, key: object = KEY, path: str = "/crm/contoso", **more: Any) -> dict[str, Any]:
        headers = {KEY_HEADER: key} if key is not None else {}
        return self.send({"rawPath": path, "headers": headers, "body": base64.b64encode(body).decode(), **more})

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        whole = {"rawPath": "/crm/contoso", "headers": {KEY_HEADER: KEY}, "isBase64Encoded": True}
        return self.reception.answer({"requestContext": {"http": {"method": "POST"}}, **whole, **event})


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_webhook_nudges_its_organisation_and_starts_a_collect(desk: Desk) -> None:
    answer = desk.post()

    assert answer == {"statusCode": 202, "body": ""}
    assert desk.collects.started == ["contoso"]
    assert desk.nudges["contoso"].standing == desk.clock.now()
    assert desk.nudges["fabrikam"].standing is None


def test_a_flood_starts_one_collect_until_that_begins_and_one_more_then(desk: Desk) -> None:
    answers = [desk.post()["statusCode"] for _ in range(1000)]
    desk.nudges["contoso"].clear()  # the collect begins
    answers += [desk.post()["statusCode"] for _ in range(1000)]

    assert set(answers) == {202}
    assert desk.collects.started == ["contoso"] * 2


def test_a_collect_that_never_began_is_asked_for_again_after_a_minute(desk: Desk) -> None:
    desk.post()
    desk.clock.advance(60)
    desk.post()

    assert desk.collects.started == ["contoso"] * 2


def test_the_key_is_taken_from_the_query_too_and_the_header_in_any_case(desk: Desk) -> None:
    by_query = desk.post(key=None, queryStringParameters={"code": KEY})
    desk.nudges["contoso"].clear()
    by_header = desk.post(headers={"X-Email-Router-Key": KEY})

    assert (by_query["statusCode"], by_header["statusCode"]) == (202, 202)
    assert desk.collects.started == ["contoso"] * 2


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "x",
        "é" * 43,
        "\udc80",
        "x" * 1_000_000,
        7,
        ["x"],
        webhook_key(SECRET, "fabrikam"),
        webhook_key("", "contoso"),
    ],
)
def test_what_proves_nothing_is_refused_and_starts_nothing(desk: Desk, key: object) -> None:
    assert desk.post(key=key) == {"statusCode": 403, "body": ""}
    assert desk.post(key=None, queryStringParameters={"code": key}) == {"statusCode": 403, "body": ""}

    assert desk.collects.started == []
    assert desk.nudges["contoso"].standing is None


def test_a_stranger_does_not_learn_which_organisations_are_here(desk: Desk) -> None:
    answers = [desk.post(key="x", path=f"/{path}") for path in (path_of("contoso"), path_of("nobody"), "crm/~_")]

    assert answers == [{"statusCode": 403, "body": ""}] * 3


def test_a_request_without_a_key_costs_no_secret(desk: Desk) -> None:
    desk.post(key=None)

    assert desk.secret_reads == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_a_post_is_taken(desk: Desk, method: str) -> None:
    answer = desk.post(requestContext={"http": {"method": method}})

    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "POST")
    assert desk.collects.started == []


def test_the_router_s_own_changes_of_a_status_start_nothing(desk: Desk) -> None:
    assert desk.post(SENT) == {"statusCode": 202, "body": ""}
    assert desk.collects.started == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"MessageName": "Update"}', b"x" * 3 * LONGEST_READ])
def test_of_a_body_that_tells_nothing_only_that_something_is_due_counts(desk: Desk, body: bytes) -> None:
    assert desk.post(body)["statusCode"] == 202
    assert desk.collects.started == ["contoso"]


@pytest.mark.parametrize(
    "event", [{"body": None}, {"body": "%%%"}, {"body": PENDING.decode(), "isBase64Encoded": False}]
)
def test_a_body_in_any_wrapping_is_no_error(desk: Desk, event: dict[str, Any]) -> None:
    assert desk.send(event)["statusCode"] == 202
    assert desk.collects.started == ["contoso"]


def test_a_collect_that_cannot_be_started_takes_the_nudge_back_and_dataverse_posts_again(desk: Desk) -> None:
    fail(desk.collects, "start", TryLater("function away", shared=True))

    with pytest.raises(TryLater):
        desk.post()
    desk.post()

    assert desk.collects.started == ["contoso"]


def test_what_is_posted_elsewhere_is_graph_s(desk: Desk) -> None:
    answer = desk.post(path="/", queryStringParameters={"validationToken": "echo"})

    assert (answer["statusCode"], answer["body"]) == (200, "echo")


def test_no_secret_key_or_body_reaches_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.post(context({"Value": 6}, {"key": "canary-body", "value": 1}))
        desk.post(key="canary-foreign", queryStringParameters={"code": "canary-code"})
        desk.post(path="/crm/canary-nobody")

    written = caplog.text + capsys.readouterr().out + json.dumps([vars(one) for one in caplog.records], default=str)
    assert "e-mails to be sent" in written
    assert "foreign webhook" in written
    for secret in ("canary", KEY):
        assert secret not in written


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_is_named_at_the_start(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        reception.reception({**SETTINGS, name: ""})


def test_the_function_to_be_started_is_named_when_it_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="COLLECT_OUTGOING_FUNCTION"):
        webhooks.webhooks(SETTINGS, str)
