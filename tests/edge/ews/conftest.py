"""Give the tests of EWS a simulated Exchange server, and hold every word of theirs to Microsoft's schema."""

from __future__ import annotations

import itertools
from datetime import date
from typing import TYPE_CHECKING

import pytest
from exchangelib import DELEGATE, UTC, Account, Build, Configuration, Credentials, FailFast, Version  # type: ignore[import-untyped]
from exchangelib.protocol import BaseProtocol, close_connections  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

from email_router.edge.connect import ews, ews_soap
from tests.edge.ews.reading import RAW
from tests.shared import SHARED
from tests.simulators.ews.process import PASSWORD, EwsProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulators.certificates import Authority

_NUMBERS = itertools.count(1)
BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"


@pytest.fixture(autouse=True)
def before_exchange_online_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the day be one on which Exchange Online still answers EWS; a test of the end names its own."""
    monkeypatch.setattr(ews, "today", lambda: date(2026, 11, 24))


@pytest.fixture(scope="session")
def ews_process(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsProcess]:
    """A simulator for the session."""
    with EwsProcess(tmp_path_factory.mktemp("ews"), authority) as server:
        yield server


@pytest.fixture(scope="session")
def ews_schema() -> etree.XMLSchema | None:
    """Microsoft's schema of EWS, where it lies beside the checkout."""
    path = SHARED / "contracts" / "ews-full-v2018" / "messages.xsd"
    return etree.XMLSchema(etree.parse(path)) if path.exists() else None


@pytest.fixture
def server(ews_process: EwsProcess, ews_schema: etree.XMLSchema | None) -> Iterator[EwsProcess]:
    """The simulator without faults; in the end each request and each answer is validated."""
    ews_process.control("clear", {})
    ews_process.control("settings", {"schema": "Exchange2016"})
    ews_soap.schemas.clear()
    yield ews_process
    if ews_schema is not None:
        for row in ews_process.requests():
            for side in ("request", "answer"):
                validate(ews_schema, row[side])


@pytest.fixture
def address(server: EwsProcess) -> str:
    """A new, empty mailbox."""
    found = f"case{next(_NUMBERS)}@contoso.example"
    server.control("mailbox", {"address": found})
    return found


@pytest.fixture
def account(server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A mailbox with one message, as exchangelib opens it."""
    server.put(address, RAW)

    class Trusting(HTTPAdapter):
        def cert_verify(self, connection: object, url: str, verify: object, cert: object) -> None:
            super().cert_verify(connection, url, str(server.authority.ca), cert)  # type: ignore[arg-type]

    monkeypatch.setattr(BaseProtocol, "HTTP_ADAPTER_CLS", Trusting)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.ca))
    configuration = Configuration(
        service_endpoint=f"{server.root}/EWS/Exchange.asmx",
        credentials=Credentials(address, PASSWORD),
        auth_type="basic",
        version=Version(Build(15, 1)),
        retry_policy=FailFast(),
    )
    yield Account(address, config=configuration, access_type=DELEGATE, default_timezone=UTC)
    close_connections()


def validate(schema: etree.XMLSchema, text: str) -> None:
    """Hold the body of a SOAP envelope to the schema; faults are of SOAP's own."""
    inside = etree.fromstring(text.encode()).find(BODY)[0]
    if not inside.tag.endswith("}Fault"):
        schema.assertValid(etree.fromstring(etree.tostring(inside)))
