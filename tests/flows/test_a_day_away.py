"""Whatever the router depends on may be away for a day: nothing is disabled, few alerts are sent, and all mail goes on, each once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from tests.flows.day import AWS_PORTS, Day

HOUR, DAY = 60, 24 * 60


def aws(what: str) -> TryLater:
    return TryLater(f"{what}: AWS answered ServiceUnavailable", kind="aws_busy", shared=True)


def everything(trouble: Exception, *ports: str) -> dict[str, Exception]:
    return dict.fromkeys(ports, trouble)


DEPENDENCIES: Mapping[str, dict[str, Exception]] = {
    "DynamoDB": everything(aws("table router"), *AWS_PORTS),
    "S3": everything(aws("bucket data"), "blobs"),
    "SQS": everything(aws("queue mailbox-work"), "queues"),
    "Secrets Manager": everything(aws("secret in"), "open"),
    "KMS": everything(aws("key"), *AWS_PORTS, "blobs", "queues", "open"),
    "CRM": everything(TryLater("contoso: Dataverse answers 503", kind="crm_away", shared=True), "crm"),
    "CRM that refuses the router": everything(MailboxBlocked("contoso: refused", kind="login_refused"), "crm"),
    "mail server": everything(TryLater("no answer", kind="unreachable", shared=True), "open", "source", "sender"),
    "mail server that refuses everybody": everything(MailboxBlocked("refused", kind="login_refused"), "open"),
    "sign-in service": everything(TryLater("no token", kind="login_away", shared=True), "open"),
    "SES": everything(TryLater("ses: 503", kind="ses_away", shared=True), "sender"),
}


REFUSING = "mail server that refuses everybody"
MOST_ALERTS = {**dict.fromkeys(DEPENDENCIES, 2), REFUSING: 3}
"""A circuit each way; of a server that refuses, also the fewer half of mailboxes that it met before its circuit opened."""


@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_a_day_without_it_leaves_nothing_disabled_and_its_backlog_drains_once(dependency: str) -> None:
    day = Day(3)
    day.run(30, every=15)
    day.away = DEPENDENCIES[dependency]
    day.run(HOUR, every=HOUR)
    day.run(DAY - HOUR, every=8 * HOUR, step=8)
    told = len(day.sent_alerts)

    day.away = {}
    day.run(90)

    assert day.disabled() == []
    assert told <= MOST_ALERTS[dependency], [one.text for one in day.sent_alerts]
    assert len(day.sent_alerts) == told
    assert day.alerts.all() == []
    assert day.delivered() == {f"<m{number}@fabrikam.example>": 1 for number in range(1, day.letters + 1)}
    assert day.left() == {f"e{number}": 1 for number in range(1, day.letters + 1)}
