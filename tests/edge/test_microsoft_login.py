"""Logging in at Entra as an application, against the simulator."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.ports import Reach
from email_router.edge.connect import entra as entra_login
from email_router.edge.connect import microsoft_login
from email_router.edge.connect.https import hang_up
from email_router.edge.connect.microsoft_login import Account, access_token, account_of, forget_token
from tests.simulators.certificates import make_authority
from tests.simulators.graph.process import CLIENT, SECRET, TENANT, GraphProcess

HERE = Reach(loopback=True)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphProcess]:
    with GraphProcess(tmp_path_factory.mktemp("entra")) as running:
        yield running
    hang_up()


@pytest.fixture
def entra(process: GraphProcess) -> Iterator[GraphProcess]:
    microsoft_login._held.clear()
    process.clear_requests()
    yield process
    process.clear_faults()
    process.application(secrets=[SECRET])
    process.settings(token_seconds=3599)


def account(entra: GraphProcess, secret: str = SECRET) -> Account:
    return account_of(entra.profile(), secret, HERE, "ann@contoso.example")


def logins(entra: GraphProcess) -> int:
    return len(entra.requests("/oauth2/v2.0/token"))


def test_a_token_is_kept_for_the_process(entra: GraphProcess) -> None:
    first = access_token(account(entra))

    assert access_token(account(entra)) == first
    assert logins(entra) == 1


def test_accounts_have_tokens_of_their_own(entra: GraphProcess) -> None:
    entra.application(client_id="another", secrets=["s"])
    mine = account(entra)

    assert access_token(mine) != access_token(replace(mine, client_id="another", secret="s"))


def test_the_mailbox_in_whose_name_it_is_asked_makes_no_other_account(entra: GraphProcess) -> None:
    mine = account(entra)
    access_token(mine)
    access_token(replace(mine, who="bob@contoso.example"))

    assert logins(entra) == 1


def test_a_token_is_renewed_five_minutes_early(entra: GraphProcess) -> None:
    entra.settings(token_seconds=299)

    assert access_token(account(entra)) != access_token(account(entra))
    entra.settings(token_seconds=400)
    third = access_token(account(entra))
    assert access_token(account(entra)) == third


def test_an_old_token_serves_while_the_login_host_is_away(entra: GraphProcess) -> None:
    entra.settings(token_seconds=200)
    first = access_token(account(entra))
    entra.fault("oauth2|openid", "unavailable", times=9)

    assert access_token(account(entra)) == first


def test_an_ended_token_does_not_serve(entra: GraphProcess) -> None:
    entra.settings(token_seconds=1)
    access_token(account(entra))
    time.sleep(1.1)
    entra.fault("oauth2|openid", "unavailable", times=9)

    with pytest.raises(TryLater):
        access_token(account(entra))


def test_a_forgotten_token_is_asked_for_anew(entra: GraphProcess) -> None:
    first = access_token(account(entra))
    forget_token(account(entra), first)
    second = access_token(account(entra))
    forget_token(account(entra), first)

    assert second != first
    assert access_token(account(entra)) == second


@pytest.mark.parametrize(
    ("register", "kind", "mended_by"),
    [
        ({"secrets": ["other"]}, "login_refused", "not its id"),
        ({"secrets": ["other"], "expired": [SECRET]}, "secret_expired", "new client secret"),
        ({"secrets": [SECRET], "enabled": False}, "login_refused", "Enable"),
    ],
)
def test_a_refused_secret_blocks_and_says_how_to_mend_it(
    entra: GraphProcess, register: dict[str, object], kind: str, mended_by: str
) -> None:
    entra.control("POST", "applications", {"client_id": CLIENT, **register})

    with pytest.raises(MailboxBlocked) as caught:
        access_token(account(entra))

    assert caught.value.kind == kind
    assert mended_by in caught.value.mend
    assert "AADSTS" in str(caught.value)
    assert "ann@contoso.example" in str(caught.value)
    assert SECRET not in str(caught.value) + caught.value.mend


def test_a_mended_secret_serves_at_once(entra: GraphProcess) -> None:
    entra.application(secrets=["other"])
    with pytest.raises(MailboxBlocked):
        access_token(account(entra))
    entra.application(secrets=[SECRET])

    assert access_token(account(entra))


def test_an_unknown_application_blocks(entra: GraphProcess) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        access_token(replace(account(entra), client_id="nobody"))
    assert "client_id" in caught.value.mend


def test_an_unknown_tenant_blocks(entra: GraphProcess) -> None:
    wrong = replace(account(entra), authority=f"{entra.endpoint}/no-such-tenant")

    with pytest.raises(MailboxBlocked) as caught:
        access_token(wrong)
    assert caught.value.kind == "login_refused"
    assert "tenant_id" in caught.value.mend


@pytest.mark.parametrize("path", ["openid-configuration", "oauth2/v2.0/token"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unavailable"},
        {"kind": "throttled", "retry_after": "3"},
        {"kind": "broken"},
        {"kind": "close", "times": 2},
        {"kind": "cut", "after_bytes": 10, "times": 2},
    ],
)
def test_a_login_host_in_trouble_is_tried_later(entra: GraphProcess, path: str, fault: dict[str, object]) -> None:
    entra.control("POST", "faults", {"match": path, **fault})

    with pytest.raises(TryLater) as caught:
        access_token(account(entra))
    assert caught.value.shared
    entra.clear_faults()
    assert access_token(account(entra))


def test_a_certificate_logs_in(entra: GraphProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    certificate, key = _rsa_pair(tmp_path_factory.mktemp("rsa"))
    entra.application(certificates=[certificate])

    assert access_token(account(entra, f"{key}\n{certificate}"))


@pytest.mark.parametrize("broken", ["key", "kind", "other"])
def test_a_key_that_cannot_sign_blocks(
    entra: GraphProcess, tmp_path_factory: pytest.TempPathFactory, broken: str
) -> None:
    certificate, _ = _rsa_pair(tmp_path_factory.mktemp("rsa"))
    key = "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----"
    if broken == "other":
        key = _rsa_pair(tmp_path_factory.mktemp("rsa"))[1]
    if broken == "kind":
        pair = make_authority(tmp_path_factory.mktemp("ec")).issue()
        certificate, key = (path.read_text() for path in pair)
    entra.application(certificates=[certificate])

    with pytest.raises(MailboxBlocked) as caught:
        access_token(account(entra, f"{key}\n{certificate}"))
    assert caught.value.kind == "credentials"


def test_a_certificate_that_is_not_registered_blocks(
    entra: GraphProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    certificate, key = _rsa_pair(tmp_path_factory.mktemp("rsa"))

    with pytest.raises(MailboxBlocked) as caught:
        access_token(account(entra, f"{certificate}\n{key}"))
    assert caught.value.kind == "login_refused"
    assert "certificate" in caught.value.mend
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nQQ==\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nQQ==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----",
    ],
)
def test_a_certificate_that_nobody_can_read_blocks(entra: GraphProcess, secret: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        access_token(account(entra, secret))
    assert caught.value.kind == "credentials"


@pytest.mark.parametrize("secret", ["", "  \n"])
def test_no_secret_at_all_blocks(entra: GraphProcess, secret: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        account(entra, secret)
    assert caught.value.kind == "credentials"


def test_a_secret_is_shown_nowhere(entra: GraphProcess) -> None:
    mine = account(entra)
    access_token(mine)

    assert SECRET not in repr(mine) + repr(microsoft_login._held)


def test_an_authority_may_name_its_tenant_itself(entra: GraphProcess) -> None:
    profile = entra.profile(authority=f"{entra.endpoint}/{TENANT}/", tenant_id="anything")

    assert access_token(account_of(profile, SECRET, HERE, "x"))


def test_a_login_host_that_sends_us_elsewhere_gets_no_secret(
    entra: GraphProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = entra_login._Http(account(entra))

    with pytest.raises(MailboxBlocked) as caught:
        http.post("https://localhost:1/token", data={"client_secret": SECRET})
    assert caught.value.kind == "foreign_link"


def test_the_login_host_must_prove_itself(entra: GraphProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    hang_up()
    other = make_authority(tmp_path_factory.mktemp("other"))

    with pytest.raises(MailboxBlocked) as caught:
        access_token(replace(account(entra), ca_pem=other.pem))
    assert caught.value.kind == "certificate"


def test_the_source_is_imported_without_msal_and_requests() -> None:
    script = "import sys, email_router.edge.sources.graph; print([m for m in ('msal', 'requests', 'jwt') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def _rsa_pair(folder: object) -> tuple[str, str]:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=app"
    subprocess.run(command.split(), cwd=str(folder), check=True, capture_output=True)
    from pathlib import Path

    where = Path(str(folder))
    return (where / "cert.pem").read_text(), (where / "key.pem").read_text()


def test_a_login_host_that_is_slow_keeps_no_other_account_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = (Account("https://login.example/t", name, SECRET, "r", Reach()) for name in ("slow", "quick"))
    asked, done = threading.Event(), threading.Event()

    def request(account: Account) -> tuple[str, float]:
        if account is slow:
            asked.set()
            assert done.wait(30)
        return f"token of {account.client_id}", time.time() + 3600

    monkeypatch.setattr(microsoft_login, "request_token", request)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(microsoft_login.access_token, slow)
        assert asked.wait(30)
        second = threads.submit(microsoft_login.access_token, quick)
        assert second.result(30) == "token of quick"
        done.set()
        assert waiting.result(30) == "token of slow"
