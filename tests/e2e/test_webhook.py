"""An e-mail that a user sends in Dynamics 365 leaves at once because Dynamics tells of it: the stack's own functions and address, no tick."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from email_router.cli.embedded.quiet import wait_until_quiet
from email_router.cli.main import app
from email_router.core.errors import ConfigurationError
from email_router.edge.connect.https import hang_up
from tests.cli.running import Ran, run
from tests.e2e.installation import Installation, installation
from tests.shared import PROJECT
from tests.simulators.certificates import Authority
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT, SummaryProcess
from tests.simulators.front import Front
from tests.simulators.smtp import PASSWORD, USER, SmtpProcess

OFFICE = "office@contoso.example"
SECRETS = {"DATAVERSE_SECRET": SECRET, "SMTP_PASSWORD": PASSWORD}
CONTOSO = "--json", "--organisation", "contoso"
MINUTE = json.loads((PROJECT / "events/collect_outgoing/minute.json").read_text())
CONFIGURATION = """
[organisation]
name = "{organisation}"
{crm}
[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "localhost"
port = {smtp}
security = "starttls"
ca_bundle = "ca.pem"
username = "{user}"
credentials = {{ env = "SMTP_PASSWORD" }}

[[mailboxes]]
address = "{office}"
kind = "queue"
outgoing = "out"
"""
DYNAMICS = """
[organisation.crm]
kind = "dataverse"
url = "{url}"
authority = "{url}"
tenant_id = "{tenant}"
client_id = "{client}"
credentials = {{ env = "DATAVERSE_SECRET" }}
ca_bundle = "ca.pem"
"""


@dataclass
class There:
    """The stack without its ticks, the simulated Dynamics 365, and the address between them."""

    running: Installation
    dynamics: SummaryProcess
    front: Front
    post: SmtpProcess
    folder: Path

    def command(self, *arguments: str) -> Ran:
        """Run a command as an operator of a stack on AWS does."""
        account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        stack = self.running.cloud.stack
        variables = {**account, **SECRETS, "AWS_ENDPOINT_URL": stack.endpoint.url}
        return run(*arguments, "--stack", stack.name, folder=self.folder, variables=variables)

    def write(self, subject: str) -> str:
        """Let a user write an e-mail and send it; return its id."""
        row = self.dynamics.put("email", subject=subject, description="<p>Hello</p>", directioncode=True)
        key = str(row["activityid"])
        for mask, address in ((1, OFFICE), (2, "bob@example.com")):
            place = {"table": "email", "id": key}
            self.dynamics.put("activityparty", activityid=place, participationtypemask=mask, addressused=address)
        self.dynamics.put("email", activityid=key, statecode=1, statuscode=6)
        return key

    def left(self) -> str:
        """What has left, as one text."""
        return "\n".join(one.raw.decode() for one in self.post.received())

    def status(self, key: str) -> int:
        return next(int(row["statuscode"]) for row in self.dynamics.rows("email") if row["activityid"] == key)


@pytest.fixture(scope="module")
def there(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("webhook")
    post = SmtpProcess.start(folder / "smtp", certificate=authority.issue("localhost"))
    (folder / "ca.pem").write_text(authority.pem)
    with (
        ExitStack() as ending,
        pytest.MonkeyPatch.context() as patch,
        SummaryProcess(folder / "dataverse", authority=authority) as dynamics,
        Front(authority.issue("localhost")) as front,
        installation({"NotificationUrl": front.url}) as running,
    ):
        ending.callback(post.stop)
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        named = {"smtp": post.port, "user": USER, "office": OFFICE}
        dynamics_365 = DYNAMICS.format(url=dynamics.url, tenant=TENANT, client=CLIENT)
        for organisation, crm in (("contoso", dynamics_365), ("fabrikam", "")):
            file = folder / f"{organisation}.toml"
            file.write_text(CONFIGURATION.format(organisation=organisation, crm=crm, **named))
            running.publish(file)
        stack = running.cloud.stack
        url_id = stack.outputs["NotificationUrl"].removeprefix("https://").partition(".")[0]
        front.behind = f"{stack.endpoint.url}/_aws/lambda-url/{url_id}"
        for rule in stack.client("events").list_rules()["Rules"]:
            stack.client("events").disable_rule(Name=rule["Name"])
        dynamics.webhooks(ca_pem=authority.pem)
        made = There(running, dynamics, front, post, folder)
        ran = made.command("webhook", "--register", *CONTOSO)
        assert ran.code == 0, ran.err
        assert ran.json["registered"] == ["Update", "Send"]
        yield made
    hang_up()


@pytest.fixture
def registered(there: There) -> Iterator[There]:
    """The webhook stands, and nothing is the matter with it."""
    assert len(there.dynamics.rows("sdkmessageprocessingstep")) == 2
    yield there
    there.dynamics.webhooks(lose=False, duplicate=False, oversize=False, delay=0)


def within(seconds: float, met: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if met():
            return True
        time.sleep(0.1)
    return met()


def test_an_e_mail_leaves_because_dynamics_told_of_it_and_no_tick_came(registered: There) -> None:
    key = registered.write("Told at once")

    assert within(60, lambda: registered.status(key) == 3)
    assert "Subject: Told at once" in registered.left()
    assert {one["status"] for one in registered.dynamics.webhooks()} == {202}


def test_an_e_mail_set_pending_while_a_collect_runs_leaves_without_a_tick_too(registered: There) -> None:
    keys = [registered.write(f"One of many {number}") for number in range(6)]

    assert within(90, lambda: all(registered.status(key) == 3 for key in keys))
    assert all(registered.left().count(f"Subject: One of many {number}") == 1 for number in range(6))


def test_what_comes_twice_or_without_its_content_leaves_once(registered: There) -> None:
    registered.dynamics.webhooks(duplicate=True, oversize=True)

    key = registered.write("Told twice")

    assert within(60, lambda: registered.status(key) == 3)
    wait_until_quiet(registered.running.cloud.stack, within=60)
    assert registered.left().count("Subject: Told twice") == 1


def test_with_every_webhook_lost_the_tick_brings_the_e_mail(registered: There) -> None:
    registered.dynamics.webhooks(lose=True)
    key = registered.write("Never told")
    assert registered.status(key) == 6

    registered.running.cloud.stack.invoke("collect_outgoing", MINUTE)

    assert within(60, lambda: registered.status(key) == 3)


def test_what_a_command_writes_into_the_built_in_crm_leaves_without_a_tick(there: There) -> None:
    letter = ("--from", OFFICE, "--to", "bob@example.com", "--subject", "By a command", "--text", "Hello")

    sent = there.command("send", *letter, "--organisation", "fabrikam")

    assert (sent.code, sent.err) == (0, "")
    assert within(60, lambda: "Subject: By a command" in there.left())


def test_the_key_is_shown_on_request_only(there: There) -> None:
    shown = there.command("webhook", "--organisation", "contoso").out
    with_key = there.command("webhook", "--show-key", *CONTOSO).json

    assert with_key["url"] == f"{there.front.url}crm/contoso"
    assert len(with_key["key"]) == 43
    assert all(part in shown for part in (with_key["url"], with_key["header"], "--show-key"))
    assert with_key["key"] not in shown


def test_the_built_in_crm_needs_no_webhook_and_is_told_so(there: There) -> None:
    ran = there.command("webhook", "--register", "--organisation", "fabrikam")

    assert (ran.code, "built-in" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"), [((), "--stack"), (("--register", "--remove", "--stack", "x"), "one of them")]
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(arguments: tuple[str, ...], words: str) -> None:
    refused = CliRunner().invoke(app, ["webhook", *arguments])

    assert isinstance(refused.exception, ConfigurationError)
    assert words in str(refused.exception)


def test_a_webhook_that_was_removed_posts_no_more(registered: There) -> None:
    removed = registered.command("webhook", "--remove", *CONTOSO)
    again = registered.command("webhook", "--remove", *CONTOSO)
    posted = len(registered.dynamics.webhooks())

    registered.write("Not told")

    assert (removed.json["removed"], again.json["removed"]) == (True, False)
    assert len(registered.dynamics.webhooks()) == posted
    assert registered.dynamics.rows("serviceendpoint") == registered.dynamics.rows("sdkmessageprocessingstep") == []
