"""The libraries of Exchange servers are loaded by the functions for mailboxes of EWS, and for nobody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.demo.stage import Stage, stage
from email_router.cli.demo.world import ANN, CARLA, IDA, ORGANISATION, RECORDS, SALES, SUPPORT, configuration
from email_router.cli.demo.writing import Sample
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.ministack import REGION
from email_router.cli.send import Letter, write
from email_router.core.activity import EmailStatus, Role
from email_router.wiring.configuration import load
from tests.e2e.installation import Installation, installation

FUNCTION = """
import json, os, sys
given = json.load(sys.stdin)
os.environ.update(given["environment"])
sys.path[:0] = given["path"]
import handler
class Context:
    function_name = memory_limit_in_mb = aws_request_id = "x"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:x"
    get_remaining_time_in_millis = staticmethod(lambda: 60_000)
answer = handler.handler(given["event"], Context())
found = {name.partition(".")[0] for name in sys.modules}
print(json.dumps({"answer": answer, "modules": sorted(found)}))
"""
pytestmark = pytest.mark.long

OF_EWS = {"exchangelib", "lxml", "requests_ntlm", "spnego", "pygments"}


@dataclass
class Place:
    """The stack in the embedded cloud, its mail servers, and a way to run a function in a process of one's own."""

    installation: Installation
    servers: Stage
    scratch: Path

    def call(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Hand one order to a function as it is deployed: our own layer, the layers of packages, and nothing else on its path."""
        stack, here = self.installation.cloud.stack, Checkout.find()
        standing = stack.client("lambda").get_function_configuration(FunctionName=stack.function(name))
        environment = standing["Environment"]["Variables"] | {
            "AWS_ENDPOINT_URL": stack.endpoint.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TMPDIR": str(self.scratch),
            "HOME": str(self.scratch),
        }
        record = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(body)}
        path = [here.functions / name, here.code / "python", here.runtime, here.exchange]
        given = {"environment": environment, "path": [*map(str, path)], "event": {"Records": [record]}}
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", FUNCTION],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert told["answer"] == {"batchItemFailures": []}, done.stdout
        assert list(self.scratch.iterdir()) == [], "exchangelib's autodiscovery keeps a cache on disk"
        return told


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("exchange")
    with ExitStack() as opened:
        servers = opened.enter_context(stage(folder))
        running = opened.enter_context(installation())
        (folder / "router.toml").write_text(configuration(servers.servers))
        running.backend.publish(load(folder / "router.toml", servers.secrets))
        running.backend.organisation().import_records(RECORDS)
        running.cloud.stack.client("sesv2").create_email_identity(EmailIdentity=ANN)
        scratch = folder / "scratch"
        scratch.mkdir()
        yield Place(running, servers, scratch)


@pytest.mark.parametrize(
    ("mailbox", "loaded"), [(SALES, set()), (IDA, set()), (SUPPORT, OF_EWS)], ids=["POP3", "Graph", "EWS"]
)
def test_a_pass_loads_them_for_a_mailbox_of_ews_only(place: Place, mailbox: str, loaded: set[str]) -> None:
    subject = f"hello {mailbox}"
    raw = f"From: {CARLA}\r\nTo: {mailbox}\r\nSubject: {subject}\r\nMessage-ID: <1@{mailbox}>\r\n\r\nHello\r\n"
    place.servers.put(Sample("one", mailbox, raw.encode()))

    told = place.call("route_mailbox", {"organisation": ORGANISATION, "mailbox": mailbox, "reason": "requested"})

    assert subject in [email.subject for email in place.installation.emails()]
    assert OF_EWS & set(told["modules"]) == loaded


@pytest.mark.parametrize(
    ("mailbox", "profile", "loaded"),
    [
        (SALES, "smtp-out", set()),
        (ANN, "ses-out", set()),
        (IDA, "online-out", set()),
        (SUPPORT, "exchange-out", OF_EWS),
    ],
    ids=["SMTP", "SES", "Graph", "EWS"],
)
def test_an_email_loads_them_for_a_sender_of_ews_only(
    place: Place, mailbox: str, profile: str, loaded: set[str]
) -> None:
    people = {Role.FROM: [mailbox], Role.TO: [CARLA]}
    email = write(place.installation.backend.organisation(), Letter(mailbox, people, "An offer", "Hello"))
    order = {"organisation": ORGANISATION, "profile": profile, "sender": mailbox, "activities": [email.id]}

    told = place.call("send_email", order)

    sent = place.installation.backend.organisation().crm.email(email.id)
    assert sent is not None
    assert sent.status is EmailStatus.SENT
    assert OF_EWS & set(told["modules"]) == loaded


def test_a_function_without_the_layer_blocks_the_mailbox_and_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Checkout, "exchange", tmp_path)

    place.call("route_mailbox", {"organisation": ORGANISATION, "mailbox": SUPPORT, "reason": "requested"})

    state = place.installation.state(SUPPORT)
    assert state.error_kind == "configuration"
    assert "is its layer attached?" in state.error_text
