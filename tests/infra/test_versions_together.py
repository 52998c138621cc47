"""The last version's functions run beside this one's on the same tables, bucket and queue: each in a process of its own, on real servers.

What another version has left is finished in test_two_versions.py; here both are at work at once, as in the minutes of a deployment, and the
old one goes on with what the new one wrote, as after a deployment that was taken back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.embedded.ministack import ACCOUNT, REGION, MiniStack
from tests.cloud import Place, clients, make_place
from tests.flows.house import ANN, SALES, mail
from tests.infra.template import ROOT
from tests.infra.two_versions.renew import unpack
from tests.infra.two_versions.scene import REPLACED
from tests.simulators.pop3 import PASSWORD, Pop3Server
from tests.simulators.relay import Relay

ERIN = "erin@fabrikam.example"
LATER = "of_a_later_version"
FILE = """
[organisation]
name = "{organisation}"

[[profiles]]
name = "in"
direction = "incoming"
server = "pop3"
host = "127.0.0.1"
port = {pop3}
security = "none"
credentials = {{ env = "MAIL_PASSWORD" }}

[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "127.0.0.1"
port = {smtp}
security = "none"
authentication = "anonymous"
"""
BOX = """
[[mailboxes]]
address = "{address}"
kind = "queue"
incoming = "in"
outgoing = "out"
"""


class Gate(list[bytes]):
    """The mails that a relay has taken; while it is shut, the relay keeps its answer to one back."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.came = threading.Event(), threading.Event()
        self.open.set()

    def append(self, raw: bytes) -> None:
        """Take a mail."""
        super().append(raw)
        self.came.set()
        self.open.wait(30)

    def of(self, activity: str) -> int:
        """Tell how often an e-mail was taken."""
        return sum(f"About {activity}".encode() in one for one in self)


class Version:
    """One version's functions."""

    def __init__(self, functions: Path, package: Path, environment: dict[str, str]) -> None:
        script = Path(__file__).parent / "two_versions" / "at_work.py"
        command = [sys.executable, str(script), str(functions), str(package)]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment, "PYTHONPATH": str(package)},
            cwd=functions,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, act: str, **given: Any) -> Any:
        """Let it do something."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"act": act, **given}) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "problem" not in told, told
        return told["answer"]

    def order(self, function: str, **body: Any) -> None:
        """Let a function carry out an order of its queue."""
        records = {"Records": [{"messageId": "1", "body": json.dumps(body)}]}
        assert self.ask("invoke", function=function, event=records) == {"batchItemFailures": []}

    def route(self, mailbox: str = SALES, organisation: str = "contoso") -> None:
        """Serve a mailbox."""
        self.order("route_mailbox", organisation=organisation, mailbox=mailbox, reason="schedule")

    def kill(self) -> None:
        """End it in the middle of what it does."""
        self._process.kill()
        self._process.communicate()


class Both:
    """The old version and the new one, their place, and the mail servers."""

    def __init__(self, place: Place, pop3: Pop3Server, folder: Path) -> None:
        self.place, self.pop3, self.relay, self.folder = place, pop3, Relay(), folder
        self.taken = self.relay.taken = Gate()
        environment = {
            "ROUTER_TABLE": place.router,
            "CRM_TABLE": place.crm,
            "DATA_BUCKET": place.bucket,
            "MAILBOX_QUEUE_URL": place.mailbox_queue,
            "OUTGOING_QUEUE_URL": place.outgoing_queue,
            "SECRET_PREFIX": place.prefix,
            "ALLOW_LOOPBACK": "true",
            "CONFIG_UPDATE_PERIOD": "0",
            "PENDING_STATUS_DELAY": "0",
            "AWS_ENDPOINT_URL": place.clients.dynamodb.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "POWERTOOLS_METRICS_DISABLED": "true",
            "MAIL_PASSWORD": PASSWORD,
        }
        self._start_old = partial(Version, *unpack(folder / "old"), environment)
        self.old = self._start_old()
        self.new = Version(ROOT / "functions", ROOT / "layers" / "email_router" / "python", environment)

    def kill_old(self) -> None:
        """End the old version's process in the middle of what it does; another one takes its place."""
        killed, self.old = self.old, self._start_old()
        killed.kill()

    def file(self, organisation: str, *addresses: str) -> str:
        """Write a configuration; return its path."""
        path = self.folder / f"{organisation}-{len(addresses)}.toml"
        profiles = FILE.format(organisation=organisation, pop3=self.pop3.port, smtp=self.relay.port)
        path.write_text(profiles + "".join(BOX.format(address=one) for one in addresses))
        return str(path)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every row, with its table."""
        for name in (self.place.router, self.place.crm):
            for page in self.place.clients.dynamodb.get_paginator("scan").paginate(TableName=name):
                yield from ((name, item) for item in page["Items"])

    def mark(self) -> set[tuple[str, str]]:
        """Let each row hold what neither version knows; return where they lie."""
        for table, row in self.rows():
            self.place.clients.dynamodb.put_item(TableName=table, Item={**row, LATER: {"S": "kept"}})
        return self.marked()

    def marked(self) -> set[tuple[str, str]]:
        """Where a row lies that still holds it."""
        return {(row["pk"]["S"], row["sk"]["S"]) for _, row in self.rows() if LATER in row}

    def orders(self, version: Version) -> list[dict[str, Any]]:
        """Let a version collect what is to be sent; return the orders."""
        version.ask("invoke", function="collect_outgoing", event={})
        return [body for _, body in self.place.bodies(self.place.outgoing_queue)]

    def stop(self) -> None:
        """End both."""
        self.old.kill()
        self.new.kill()
        self.relay.stop()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("versions")
    pop3 = Pop3Server(folder / "pop3")
    with MiniStack(tmp_path_factory.mktemp("ministack")) as cloud, clients(cloud.endpoint) as given:
        made = Both(make_place(given), pop3, folder)
        try:
            yield made
        finally:
            made.stop()
            pop3.stop()


def test_both_read_what_the_other_writes_and_nothing_is_lost_or_comes_twice(both: Both) -> None:
    old, new = both.old, both.new
    old.ask("publish", file=both.file("contoso", SALES))
    both.pop3.put(SALES, mail(1))
    old.route()
    both.pop3.put(SALES, mail(2, subject="Re: An order", extra="In-Reply-To: <m1@fabrikam.example>\r\n"))
    new.route()
    new.ask("publish", file=both.file("contoso", SALES, ANN))
    unknown = both.mark()
    both.pop3.put(SALES, mail(3, subject="Re: An order", extra="In-Reply-To: <m2@fabrikam.example>\r\n"))
    both.pop3.put(ANN, mail(2, subject="Re: An order", extra="In-Reply-To: <m1@fabrikam.example>\r\n"))
    old.route()
    old.route(ANN)
    race(both, 8)

    seen = {one["message_id"]: one for one in new.ask("read", organisation="contoso")}

    assert sorted(seen) == sorted(f"<m{number}@fabrikam.example>" for number in range(1, 12))
    assert len(new.ask("read", organisation="contoso")) == len(seen)
    first, second, third = (seen[f"<m{number}@fabrikam.example>"] for number in (1, 2, 3))
    assert (first["correlated"], second["correlated"], third["correlated"]) == (None, first["id"], second["id"])
    assert old.ask("read", organisation="contoso") == new.ask("read", organisation="contoso")
    stands = [one.ask("state", organisation="contoso", mailbox=SALES) for one in (old, new)]
    assert stands[0] == stands[1]
    assert stands[0][3] is None, "nobody has kept the lease"
    lost = unknown - both.marked()
    assert [place for place in lost if not any(name in "".join(place) for name in REPLACED)] == []


def race(both: Both, count: int) -> None:
    """Let mails come while both versions serve the mailbox, again and again, each with whatever order it gets."""
    with ThreadPoolExecutor(2) as at_once:
        for number in range(4, 4 + count):
            both.pop3.put(SALES, mail(number))
            if number % 4 == 0:
                for done in [at_once.submit(one.route) for one in (both.old, both.new)]:
                    done.result()
    both.new.route()


@contextmanager
def unanswered(both: Both, order: dict[str, Any]) -> Iterator[Future[None]]:
    """Let the old version send, to a relay that has the mail and does not answer until it is opened."""
    both.taken.came.clear()
    both.taken.open.clear()
    with ThreadPoolExecutor(1) as beside:
        under_way = beside.submit(both.old.order, "send_email", **order)
        assert both.taken.came.wait(30)
        yield under_way


def test_e_mails_in_flight_leave_once_whichever_version_begins_ends_or_dies(both: Both) -> None:
    old, new, taken = both.old, both.new, both.taken
    old.ask("publish", file=both.file("fabrikam", SALES))
    for version, name in ((old, "e1"), (new, "e2")):
        version.ask("write", organisation="fabrikam", activity=name, sender=SALES, to=ERIN)
        (order,) = both.orders(version)
        (new if version is old else old).order("send_email", **order)
    old.ask("write", organisation="fabrikam", activity="e3", sender=SALES, to=ERIN)
    (order,) = both.orders(old)

    with unanswered(both, order) as under_way:
        again = both.orders(new)
        for one in (order, *again):
            new.order("send_email", **one)
        taken.open.set()
        under_way.result()

    told = {one["id"]: one["status"] for one in new.ask("read", organisation="fabrikam")}
    assert told == {name: ["sent", "sent"] for name in ("e1", "e2", "e3")}
    assert old.ask("read", organisation="fabrikam") == new.ask("read", organisation="fabrikam")
    assert [taken.of(name) for name in told] == [1, 1, 1]

    new.ask("write", organisation="fabrikam", activity="e4", sender=SALES, to=ERIN)
    (order,) = both.orders(new)
    with unanswered(both, order) as under_way:
        both.kill_old()
        with pytest.raises(json.JSONDecodeError):
            under_way.result()
    taken.open.set()
    new.order("send_email", **order)

    told = {one["id"]: one["status"] for one in new.ask("read", organisation="fabrikam")}
    assert told["e4"][1] == "sending", "nobody knows yet what became of it"
    assert taken.of("e4") == 1
