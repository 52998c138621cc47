"""What the commands ask of a stack on AWS: counters in memory, everything else on a stack in the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from email_router.cli import deployed
from email_router.cli.backend import environment_of
from email_router.cli.recovery.locking import VARIABLE as PASSPHRASE
from email_router.core.errors import ConfigurationError
from tests.cli.running import run
from tests.cli.standing import ACCOUNT, Stack, standing

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import DimensionTypeDef


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with standing(tmp_path_factory.mktemp("stack")) as made:
        yield made


def count(name: str, organisation: str, value: float, days_ago: int) -> None:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    dimensions: list[DimensionTypeDef] = [
        {"Name": "organisation", "Value": organisation},
        {"Name": "service", "Value": "email-router"},
    ]
    boto3.client("cloudwatch").put_metric_data(
        Namespace="EmailRouter",
        MetricData=[{"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value}],
    )


def test_a_stack_of_another_kind_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"no output 'CrmTableName': is it one of the e-mail router"):
        environment_of({"RouterTableName": "router"})


@pytest.mark.usefixtures("memory")
def test_counters_are_added_up_over_days_and_organisations() -> None:
    count("IncomingMessagesDelivered", "contoso", 3, 1)
    count("IncomingMessagesDelivered", "contoso", 4, 9)
    count("IncomingMessagesDelivered", "fabrikam", 5, 2)
    count("SomethingElse", "contoso", 7, 1)

    assert deployed.counters("")["IncomingMessagesDelivered"] == 12
    assert deployed.counters("contoso")["IncomingMessagesDelivered"] == 7
    assert len(deployed.counters("contoso")) == 21


def test_the_commands_work_on_a_stack_by_its_name(stack: Stack) -> None:
    (stack.folder / "crm.csv").write_text("kind,address,name,owner\ncontact,carla@fabrikam.example,Carla,\n")

    nothing = stack.run("emails")
    published = stack.run("publish", "router.toml", "--json")
    imported = stack.run("crm", "import", "crm.csv", "--json")
    sent = stack.run(
        *("send", "--from", "sales@contoso.example", "--to", "carla@fabrikam.example", "--subject", "hello", "--json")
    )
    listed = stack.run("emails", "--json").json["emails"]
    given_up = stack.cloud.stack.resources["MailboxDeadLetters"][1]
    stack.cloud.stack.client("sqs").send_message(QueueUrl=given_up, MessageBody="{}")
    status = stack.run("status", "--json")

    assert (nothing.code, "nothing is published here" in nothing.err) == (2, True)
    assert (published.code, published.json["version"], published.json["scheduled"]) == (0, 1, ["sales@contoso.example"])
    assert imported.json == {"imported": 1}
    assert [email["activity"] for email in listed] == [sent.json["activity"]]
    assert listed[0]["to"][0]["record"]["kind"] == "contact"
    assert status.json["dead_letters"] == {"MailboxDeadLetters": 1}
    assert not (stack.folder / ".email-router").exists()


def test_a_stack_that_is_not_there_is_told(stack: Stack) -> None:
    ran = run("emails", "--stack", "gone", folder=stack.folder, variables=stack.variables)

    assert (ran.code, ran.out) == (2, "")
    assert "the stack gone cannot be read" in ran.err
    assert "check its name, AWS_REGION and your credentials" in ran.err


@pytest.mark.long
def test_what_operators_look_at_and_keep_is_the_stack_s(stack: Stack) -> None:
    """The commands' own tests use a folder of state or stores in memory; test_diff.py tries on a stack those that change a configuration."""
    stack.variables[PASSPHRASE] = "correct horse battery"
    assert stack.run("publish", "router.toml").code == 0

    status = stack.run("status", "--json")
    alerts = stack.run("alerts", "--json")
    waiting = stack.run("outgoing", "list", "--json")
    aside = stack.run("undeliverable", "list", "--json")
    kept = stack.run("backup", "file", "--json")
    back = stack.run("restore", "file", "--dry-run", "--json")
    erased = stack.run("erase", "erin@fabrikam.example", "--json")

    ran = (status, alerts, waiting, aside, kept, back, erased)
    assert [one.code for one in ran] == [0] * len(ran), [one.err for one in ran]
    assert [one["address"] for one in status.json["mailboxes"]] == ["sales@contoso.example"]
    found = {one["kind"] for one in alerts.json["alerts"]}
    assert found <= {"sender_blocked"}, (
        "the stack's own functions may have tried to send it by now, to a relay that is not there"
    )
    assert aside.json["undeliverable"] == []
    assert isinstance(waiting.json["outgoing"], list)
    assert (kept.json["organisation"], back.json["dry_run"]) == ("contoso", True)
    assert "erin@fabrikam.example" in erased.out
    assert not (stack.folder / ".email-router").exists()
