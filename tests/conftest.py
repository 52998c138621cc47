"""Share what is slow to start: a certificate authority, Dovecot, Postfix, the simulators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import DovecotServer, PostfixServer, need
from tests.shared import SHARED
from tests.simulators.certificates import Authority, make_authority
from tests.simulators.pop3 import Pop3Server
from tests.simulators.smtp import SmtpProcess
from tests.simulators.witnessed import watch

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESSES = ("sales@contoso.example", "ann@contoso.example", "bob@contoso.example")
"""The mailboxes that Postfix delivers to."""


watch.awake = (SHARED / "contracts").exists()

WAITING = ("e2e", "cli", "embedded", "functions")
"""Folders of tests that mostly wait for other processes: begun first, so that those that compute run beside them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those that wait first, all else as it stands."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in WAITING)


@pytest.fixture(autouse=True)
def contracts_are_kept() -> Iterator[None]:
    """After each test, hold everything that was said to a simulated Graph or Exchange to Microsoft's own description."""
    yield
    said = watch.take()
    if said:
        from tests.contracts import ews_schema, graph_endpoints

        checks = {"graph": graph_endpoints.check, "ews": ews_schema.check}
        for speaks, row in said:
            checks[speaks](row)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A throw-away certificate authority."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> tuple[Path, Path]:
    """Certificate and key of a server called localhost, issued by the authority."""
    return authority.issue("localhost")


@pytest.fixture(scope="session")
def dovecot(certificate: tuple[Path, Path]) -> Iterator[DovecotServer]:
    """Dovecot, running."""
    need("dovecot")
    server = DovecotServer(certificate)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postfix(certificate: tuple[Path, Path], dovecot: DovecotServer) -> Iterator[PostfixServer]:
    """Postfix, running, delivering into Dovecot's mailboxes."""
    need("postfix")
    server = PostfixServer(certificate, dovecot, ADDRESSES)
    yield server
    server.stop()


@pytest.fixture
def pop3_server(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[Pop3Server]:
    """The POP3 simulator in a thread, empty and well-behaved."""
    server = Pop3Server(tmp_path / "pop3", certificate=certificate)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def smtp_process(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[SmtpProcess]:
    """The SMTP simulator that wants STARTTLS and a login."""
    server = SmtpProcess.start(tmp_path_factory.mktemp("smtp"), certificate=certificate)
    yield server
    server.stop()
