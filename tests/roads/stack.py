"""The stack of the committed template in memory of AWS: its tables, bucket, queues and secret, and its functions as Lambda would run them.

The functions are the real ones with the settings that the template gives them; only the mail servers, Lambda's own calls and what moto does
not know of SES are answered here.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from email_router.core.settings import Configuration
from email_router.edge.connect import aws
from email_router.wiring import clock
from email_router.wiring.environment import Environment
from email_router.wiring.services import GivenClients, Services
from tests.infra.template import ROOT, functions, resources, template, text_of
from tests.roads import dynamics
from tests.roads.answers import answer_what_moto_does_not_know, keep_moto_silent
from tests.roads.defaults import as_default
from tests.roads.recorder import Call, Recorder
from tests.roads.servers import Servers, stand_in

REGION, BUCKET, NAME = "us-east-1", "data-bucket", "router"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ORGANISATION = "contoso"
_CLIENTS = (aws.dynamodb, aws.s3, aws.sqs, aws.events, aws.functions, aws.secrets_manager, aws.kms)
_GIVEN = ("dynamodb", "s3", "sqs", "secretsmanager", "kms")
_USED = (*_GIVEN, "events")
_CONTEXT = {"function_name": "f", "memory_limit_in_mb": 512, "invoked_function_arn": "arn", "aws_request_id": "request"}


Clients = Mapping[str, Any]


@dataclass
class Stack:
    """The functions, what they remember in (`services`, which nobody records), the mail servers, and what was recorded."""

    recorder: Recorder
    servers: Servers
    services: Services
    names: Mapping[str, str]
    now: datetime = NOW
    seconds_left: float = 300
    loaded: dict[str, Callable[[Any, Any], Any]] = field(default_factory=dict)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Let a function answer an event: the first time in a process that starts cold, then in the same one."""
        context = SimpleNamespace(**_CONTEXT, get_remaining_time_in_millis=lambda: 1000 * self.seconds_left)
        with self.recorder.of(function), pytest.MonkeyPatch.context() as patch:
            for name, value in self.setting(function).items():
                patch.setenv(name, value)
            if function not in self.loaded:
                self.loaded[function] = runpy.run_path(str(ROOT / "functions" / function / "handler.py"))["handler"]
            return self.loaded[function](dict(event), context)

    def order(self, function: str, *bodies: str) -> Any:
        """Let a function carry out orders of its queue."""
        return self.invoke(
            function, {"Records": [{"messageId": str(at), "body": one} for at, one in enumerate(bodies)]}
        )

    def publish(self, configuration: Configuration) -> None:
        """Publish a configuration, and put its mailboxes on the schedule."""
        self.services.configurations.publish(configuration)
        for box in configuration.mailboxes:
            if box.incoming:
                self.services.states(configuration.organisation).schedule(box.key, 60, 900)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def setting(self, function: str) -> dict[str, str]:
        """Return the environment of a function as its deployment sets it; its own parameters as they are by default, but that loopback may be
        reached.
        """
        variables = functions()[function]["Environment"]["Variables"]
        told = {name: self._told(text_of(as_default(value))) for name, value in variables.items()}
        return told | {"ALLOW_LOOPBACK": "true", "NOTIFICATION_URL": "https://push.contoso.example/"}

    def _told(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"${{{name}}}", value)
        return text


@contextmanager
def stack(before: Callable[[Call], None] | None = None, after: Callable[[Call], None] | None = None) -> Iterator[Stack]:
    """Give a stack that nothing has happened in; `before` and `after` are told of each call of a function."""
    nothing: Callable[[Call], None] = lambda _: None  # noqa: E731 - a default that says what it is
    heard, unheard, recorder = _sessions()
    recorder.before, recorder.after, recorder.calls = before or nothing, after or nothing, []
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", heard)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        keep_moto_silent(patch)
        dynamics.stand_in(patch)
        names = _made(unheard)
        made = Stack(recorder, stand_in(patch), _services(unheard, names), names)
        # The flows' clock stands still but when a scene lets time pass: what is written has the same size each time.
        patch.setattr(clock.SystemClock, "now", lambda _: made.now)
        _forget()
        try:
            yield made
        finally:
            _forget()


def _forget() -> None:
    """Let no client of an earlier account be used, nor one of this account later."""
    for client in _CLIENTS:
        if client.cache_info().currsize:
            client().close()
        client.cache_clear()


def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@cache
def _sessions() -> tuple[boto3.Session, Clients, Recorder]:
    """Return the session of the functions, which the recorder hears, and clients of another: to make them takes most of a scene's time."""
    heard, recorder = _session(), Recorder()
    answer_what_moto_does_not_know(heard)
    recorder.listen(heard)
    other: Any = _session()  # its stubs know each service by a name of its own
    return heard, {name: other.client(name) for name in _USED}, recorder


def _services(clients: Clients, names: Mapping[str, str]) -> Services:
    told = Environment(
        router_table=names["RouterTable"],
        crm_table=names["CrmTable"],
        data_bucket=names["DataBucket"],
        secret_prefix=f"email-router/{NAME}/",
        data_key=names["DataKey.Arn"],
        config_update_period=0,
    )
    return Services(told, GivenClients(*(clients[name] for name in _GIVEN)))


def _made(clients: Clients) -> dict[str, str]:
    """Make what the template describes; return the physical name of each logical one, parameters with their defaults among them."""
    names = {name: str(one.get("Default", "")) for name, one in template()["Parameters"].items()}
    names["AWS::StackName"] = NAME
    dynamodb, sqs = clients["dynamodb"], clients["sqs"]
    for name, table in resources("AWS::DynamoDB::Table").items():
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        dynamodb.create_table(TableName=name, **{one: table[one] for one in wanted})
        names[name] = name
    for name in resources("AWS::SQS::Queue"):
        names[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
    clients["s3"].create_bucket(Bucket=BUCKET)
    names["DataBucket"] = BUCKET
    for name in resources("AWS::SecretsManager::Secret"):
        made = clients["secretsmanager"].create_secret(Name=name, SecretString="s" * 64)
        names[name] = made["ARN"]
    for name in resources("AWS::Events::EventBus"):
        clients["events"].create_event_bus(Name=name)
        names[name] = name
    names["DataKey.Arn"] = clients["kms"].create_key()["KeyMetadata"]["Arn"]
    names |= {one: one for one in resources("AWS::SES::ConfigurationSet")}
    names |= {f"{one}.Arn": one for one in resources("AWS::Lambda::Function")}
    return names
