"""The ways out are logged in to without a mail leaving, and what is wrong is told by each one's own error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.probes import ses, smtp
from email_router.wiring.registry import PROBES, SENDERS, adapter
from tests.simulators.certificates import Authority
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
