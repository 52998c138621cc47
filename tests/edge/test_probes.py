"""The ways out are logged in to without a mail leaving, and what is wrong is told by each one's own error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from email_router.core.access_course import Course
from email_router.core.access_steps import outgoing_stages
from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.probes import ses, smtp
from email_router.wiring.registry import PROBES, SENDERS, adapter
from tests.simulators.certificates import Authority
from tests.simulators.imap import ImapServer
from tests.simulators.smtp import PASSWORD, SmtpProcess

HERE = Reach(loopback=True)
SALES = Mailbox(address="sales@contoso.example")


def test_every_way_out_of_the_registry_can_be_tried() -> None:
    assert PROBES.keys() == SENDERS.keys()
    assert all(callable(adapter(PROBES, kind)) for kind in PROBES)


@pytest.fixture
def relay(smtp_process: SmtpProcess, authority: Authority) -> Profile:
    return Profile(
        name="smtp-out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="localhost",
        port=smtp_process.port,
        security=Security.STARTTLS,
        ca_pem=authority.pem,
        username="router",
    )


def test_a_relay_is_logged_in_to_and_gets_no_mail(relay: Profile, smtp_process: SmtpProcess) -> None:
    before = len(smtp_process.received())

    assert smtp.log_in(relay, SALES, PASSWORD, HERE).startswith("logged in; takes mails of up to ")
    assert len(smtp_process.received()) == before


@pytest.mark.parametrize(
    ("changes", "secret", "kind"),
    [
        ({}, "wrong", "login_refused"),
        ({"port": 1}, PASSWORD, "connection_refused"),
        ({"ca_pem": ""}, PASSWORD, "certificate"),
        ({"host": "no-such-host.invalid"}, PASSWORD, "host_unknown"),
    ],
)
def test_what_is_wrong_with_a_relay_has_the_kind_of_its_sender(
    relay: Profile, changes: dict[str, Any], secret: str, kind: str
) -> None:
    with pytest.raises(RouterError) as refused:
        smtp.log_in(replace(relay, **changes), SALES, secret, HERE)

    assert refused.value.kind == kind


def test_a_relay_without_a_login_is_greeted_alone(relay: Profile) -> None:
    assert smtp.log_in(replace(relay, authentication=Authentication.ANONYMOUS), SALES, "", HERE).startswith("logged in")


Script = Callable[[Stubber], None]
ACCOUNT = {"SendingEnabled": True, "ProductionAccessEnabled": True}
PROFILE = Profile(name="ses-out", direction=Direction.OUTGOING, server="ses")


@pytest.fixture
def amazon() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("sesv2", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield client, stub


def _identity(stub: Stubber, name: str, *, verified: bool | None) -> None:
    if verified is None:
        expected = {"EmailIdentity": name}
        stub.add_client_error("get_email_identity", "NotFoundException", "no such", 404, expected_params=expected)
        return
    stub.add_response("get_email_identity", {"VerifiedForSendingStatus": verified}, {"EmailIdentity": name})


@pytest.mark.parametrize(("own", "domain", "by"), [(True, None, SALES.address), (None, True, "contoso.example")])
def test_ses_tells_by_which_identity_the_mailbox_sends(
    amazon: tuple[Any, Stubber], own: bool | None, domain: bool | None, by: str
) -> None:
    client, stub = amazon
    stub.add_response("get_account", ACCOUNT)
    _identity(stub, SALES.address, verified=own)
    if not own:
        _identity(stub, "contoso.example", verified=domain)

    assert ses.log_in(PROFILE, SALES, "", HERE, client=client) == f"{by} is verified"


def test_the_sandbox_is_told(amazon: tuple[Any, Stubber]) -> None:
    client, stub = amazon
    stub.add_response("get_account", {**ACCOUNT, "ProductionAccessEnabled": False})
    _identity(stub, SALES.address, verified=True)

    assert ses.log_in(PROFILE, SALES, "", HERE, client=client).endswith("in the sandbox: only verified recipients")


def _paused(stub: Stubber) -> None:
    stub.add_response("get_account", {**ACCOUNT, "SendingEnabled": False})
    _identity(stub, SALES.address, verified=True)


def _unverified(stub: Stubber) -> None:
    stub.add_response("get_account", ACCOUNT)
    _identity(stub, SALES.address, verified=None)
    _identity(stub, "contoso.example", verified=False)


def _denied(stub: Stubber) -> None:
    stub.add_client_error("get_account", "AccessDeniedException", "not authorized", 403)


@pytest.mark.parametrize(
    ("script", "words", "mend"),
    [
        (_paused, "sending is paused", "Resume"),
        (_unverified, "neither the address nor its domain is a verified identity", "Verify the address"),
        (_denied, "AccessDeniedException: not authorized", "ses:GetAccount"),
    ],
)
def test_what_keeps_ses_from_sending_is_told(
    amazon: tuple[Any, Stubber], script: Script, words: str, mend: str
) -> None:
    client, stub = amazon
    script(stub)

    with pytest.raises(MailboxBlocked, match=words) as refused:
        ses.log_in(PROFILE, SALES, "", HERE, client=client)

    assert refused.value.kind == "ses"
    assert mend in refused.value.mend


def test_ses_that_is_not_reached_is_another_error() -> None:
    client = boto3.client(
        "sesv2",
        region_name="eu-west-1",
        endpoint_url="http://localhost:1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )

    with pytest.raises(TryLater, match="Amazon SES was not reached"):
        ses.log_in(PROFILE, SALES, "", HERE, client=client)


@pytest.fixture
def amazon_here(certificate: tuple[Path, Path]) -> Iterator[Callable[[str], tuple[Any, Stubber]]]:
    """Make a client of SES whose endpoint is a server of this machine, its answers scripted."""
    server = ImapServer(certificate, tls=True)

    def made(scheme: str) -> tuple[Any, Stubber]:
        endpoint = f"{scheme}://localhost:{server.port}"
        client = boto3.client(
            "sesv2",
            region_name="eu-west-1",
            endpoint_url=endpoint,
            aws_access_key_id="x",
            aws_secret_access_key="x",
            verify=False,
        )
        stub = Stubber(client)
        stub.activate()
        stub.add_response("get_account", {**ACCOUNT, "ProductionAccessEnabled": False})
        _identity(stub, SALES.address, verified=True)
        return client, stub

    yield made
    server.stop()


def _watched(client: Any) -> Course:
    course = Course(outgoing_stages(PROFILE, "not asked"), count().__next__)
    try:
        ses.log_in(PROFILE, SALES, "", replace(HERE, witness=course), client=client)
    except RouterError as error:
        course.failed(error)
    return course


def test_the_steps_to_ses_are_those_to_the_place_that_the_sdk_speaks_to(
    amazon_here: Callable[[str], tuple[Any, Stubber]], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.ca))

    resolve, connect, tls, login, *_ = _watched(amazon_here("https")[0]).steps()

    assert [one.status for one in (resolve, connect, tls, login)] == ["ok"] * 4
    assert (connect.seen.startswith("localhost:"), tls.certificate and tls.certificate.subject) == (
        True,
        "CN=localhost",
    )
    assert "GetAccount: sending is enabled" in login.seen
    assert f"{SALES.address} is verified; the account is in the sandbox" in login.seen


def test_a_foreign_certificate_on_the_way_to_ses_is_told_with_what_the_sdk_reads(
    amazon_here: Callable[[str], tuple[Any, Stubber]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)

    error = _watched(amazon_here("https")[0]).steps()[2].error

    assert error is not None
    assert (error.kind, "AWS_CA_BUNDLE" in error.mend) == ("certificate", True)


def test_an_endpoint_of_plain_http_and_a_proxy_say_why_a_step_is_left_out(
    amazon_here: Callable[[str], tuple[Any, Stubber]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _watched(amazon_here("http")[0]).steps()
    monkeypatch.setenv("https_proxy", "http://proxy.contoso.example:3128")
    monkeypatch.setenv("no_proxy", "")
    proxied = _watched(amazon_here("https")[0]).steps()

    assert [one.status for one in plain[:4]] == ["ok", "ok", "not_asked", "ok"]
    assert "is plain http" in plain[2].seen
    assert [one.status for one in proxied[:4]] == ["not_asked"] * 3 + ["ok"]
    assert "through a proxy" in proxied[0].seen


def test_without_a_region_ses_is_not_asked_and_it_is_told_where_to_set_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    with pytest.raises(MailboxBlocked) as refused:
        ses.log_in(PROFILE, SALES, "", HERE)

    assert (refused.value.kind, "AWS_REGION" in refused.value.mend) == ("ses", True)
