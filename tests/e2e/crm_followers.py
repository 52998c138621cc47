"""Watch the bus of CRM events, and follow it into another CRM by the very code and rule of docs/other-crms.md."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any, Self

from email_router.cli.embedded.stack import DeployedStack
from tests.shared import PROJECT

Event = dict[str, Any]
PAGE = PROJECT / "docs" / "other-crms.md"
TOKEN = "a token of the other CRM"
_QUIET = 2.5


def block(language: str, containing: str) -> str:
    """Return the page's one block of a language with these words in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = (one for one in blocks if containing in one)
    return str(found)


def rule() -> dict[str, Any]:
    """Return the rule of the page."""
    found: dict[str, Any] = json.loads(block("json", '"source"'))
    return found


@dataclass
class Watch:
    """A queue that gets each event of the bus that a rule chooses."""

    stack: DeployedStack
    queue: str
    seen: list[Event] = field(default_factory=list)

    @classmethod
    def begin(cls, stack: DeployedStack, organisation: str) -> Self:
        """Make the page's rule and target for an organisation, with a queue in the function's place."""
        bus, sqs, events = stack.outputs["CrmEventBusName"], stack.client("sqs"), stack.client("events")
        queue = sqs.create_queue(QueueName="followed")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {**rule(), "detail": {"organisation": [organisation]}}
        events.put_rule(Name="follow", EventBusName=bus, EventPattern=json.dumps(pattern))
        (target,) = json.loads(block("json", '"RetryPolicy"'))
        placed = {**target, "Arn": arn, "DeadLetterConfig": {"Arn": arn}}
        events.put_targets(Rule="follow", EventBusName=bus, Targets=[placed])
        return cls(stack, queue)

    def take(self) -> list[Event]:
        """Return what has come since the last time."""
        sqs, found = self.stack.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for one in messages:
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
                found.append(json.loads(one["Body"]))
        self.seen += found
        return found

    def until(self, count: int, within: float = 30) -> list[Event]:
        """Return the events once there are so many in all."""
        deadline = time.monotonic() + within
        while len(self.seen) < count:
            assert time.monotonic() < deadline, f"{len(self.seen)} of {count} events within {within} seconds"
            self.take()
            time.sleep(0.1)
        return self.seen

    def until_quiet(self) -> list[Event]:
        """Return the events once none has come for a while."""
        last = time.monotonic()
        while time.monotonic() - last < _QUIET:
            if self.take():
                last = time.monotonic()
            time.sleep(0.1)
        return self.seen


@dataclass
class OtherCrm:
    """A CRM with a REST API: it keeps what is put, and counts the calls."""

    url: str = ""
    kept: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refuses: int = 0

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve on a free port."""
        crm = self

        class Api(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == f"Bearer {TOKEN}"
                crm.calls.append(self.path)
                refused = crm.refuses > 0
                crm.refuses -= refused
                if not refused:
                    crm.kept[self.path] = content
                self.send_response(503 if refused else 204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


@contextmanager
def follower(stack: DeployedStack, crm: OtherCrm) -> Iterator[ModuleType]:
    """Give the page's function, its table made and its environment set."""
    stack.client("dynamodb").create_table(
        TableName="followed",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    wanted = {
        "CRM_URL": crm.url,
        "CRM_TOKEN": TOKEN,
        "FOLLOWED_TABLE": "followed",
        "AWS_ENDPOINT_URL": stack.endpoint.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        module = ModuleType("follow")
        exec(compile(block("python", "def handler"), str(PAGE), "exec"), module.__dict__)
        yield module
        module.followed.close()
        module.objects.close()
    finally:
        os.environ.clear()
        os.environ.update(before)
