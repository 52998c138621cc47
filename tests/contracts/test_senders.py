"""What every mail sender promises, asked of each in turn.  A new sender adds one line to HOUSES."""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from moto.ses.models import ses_backends

from email_router.core.compose import Outgoing, compose
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.message import Address
from email_router.core.ports import MailSender, Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.senders.ews import EwsSender
from email_router.edge.senders.graph import GraphSender
from email_router.edge.senders.ses import SesSender
from email_router.edge.senders.smtp import SmtpSender
from tests.servers import PostfixServer
from tests.simulators import smtp as simulator
from tests.simulators.ews.process import PASSWORD as EWS_PASSWORD
from tests.simulators.ews.process import EwsProcess
from tests.simulators.graph.process import SECRET as GRAPH_SECRET
from tests.simulators.graph.process import GraphProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

SENDER = "sales@contoso.example"
RECIPIENTS = ("ann@contoso.example", "bob@contoso.example")
_NUMBERS = itertools.count(1)


@dataclass
class House:
    """A way out for mail: how to open it, and the raw mails that one of RECIPIENTS got by it."""

    open: Callable[[], MailSender]
    got: Callable[[str], list[bytes]]


def _smtp_profile(port: int, pem: str, authentication: Authentication, username: str = "") -> Profile:
    return Profile(
        name="smtp-out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="localhost",
        port=port,
        security=Security.STARTTLS,
        ca_pem=pem,
        authentication=authentication,
        username=username,
    )


def _postfix(request: pytest.FixtureRequest, authentication: Authentication) -> House:
    server: PostfixServer = request.getfixturevalue("postfix")
    port = server.login_port if authentication is Authentication.CLEAR_TEXT else server.port
    profile = _smtp_profile(port, request.getfixturevalue("authority").pem, authentication)
    secret = server.dovecot.password
    return House(
        open=lambda: SmtpSender(profile, Mailbox(address=SENDER), secret, Reach(loopback=True)),
        got=lambda address: [path.read_bytes() for path in server.dovecot.files(address)],
    )


def _simulator(request: pytest.FixtureRequest) -> House:
    server: simulator.SmtpProcess = request.getfixturevalue("smtp_process")
    profile = _smtp_profile(
        server.port, request.getfixturevalue("authority").pem, Authentication.CLEAR_TEXT, simulator.USER
    )
    return House(
        open=lambda: SmtpSender(profile, Mailbox(address=SENDER), simulator.PASSWORD, Reach(loopback=True)),
        got=lambda address: [mail.raw for mail in server.received() if address in mail.recipients],
    )


def _ses(request: pytest.FixtureRequest) -> House:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    mocked = mock_aws()
    mocked.start()
    request.addfinalizer(mocked.stop)
    client = boto3.client("sesv2")
    client.create_email_identity(EmailIdentity="contoso.example")
    profile = Profile(name="ses-out", direction=Direction.OUTGOING, server="ses")

    def got(address: str) -> list[bytes]:
        sent = ses_backends["123456789012"]["us-east-1"].sent_messages
        return [mail.raw_data.encode() for mail in sent if address in mail.destinations]

    return House(open=lambda: SesSender(profile, Mailbox(address=SENDER), "", Reach(), client=client), got=got)


def _ews(request: pytest.FixtureRequest) -> House:
    server: EwsProcess = request.getfixturevalue("ews_server")
    server.control("mailbox", {"address": SENDER})
    profile = server.profile(direction=Direction.OUTGOING)
    return House(
        open=lambda: EwsSender(profile, Mailbox(address=SENDER), EWS_PASSWORD, Reach(loopback=True)),
        got=server.outside,
    )


def _graph(request: pytest.FixtureRequest) -> House:
    server: GraphProcess = request.getfixturevalue("graph_server")
    server.mailbox_state(SENDER, "ok")
    profile = server.profile(direction=Direction.OUTGOING)
    return House(
        open=lambda: GraphSender(profile, Mailbox(address=SENDER), GRAPH_SECRET, Reach(loopback=True)),
        got=server.outside,
    )


HOUSES: dict[str, Callable[[pytest.FixtureRequest], House]] = {
    "smtp, Postfix": lambda request: _postfix(request, Authentication.ANONYMOUS),
    "smtp, Postfix with a login": lambda request: _postfix(request, Authentication.CLEAR_TEXT),
    "smtp, simulator": _simulator,
    "ses, moto": _ses,
    "ews, simulator": _ews,
    "graph, simulator": _graph,
}


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest) -> House:
    """Each house in turn."""
    return HOUSES[request.param](request)


@pytest.fixture
def sender(house: House) -> Iterator[MailSender]:
    """The house's way out, opened."""
    with closing(house.open()) as opened:
        yield opened


@pytest.fixture
def now() -> datetime:
    """An instant that a Date may hold."""
    from datetime import UTC, datetime

    return datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def composed(message_id: str, now: datetime, text: str = "Hello\n.\n.dot\n") -> bytes:
    """A mail to ANN alone, as its header says."""
    author, ann = Address("Sales", SENDER), Address("Ann Müller", RECIPIENTS[0])
    return compose(
        Outgoing(sender=author, to=(ann,), subject="Größe", date=now, message_id=message_id, text=text, html="<p>ä</p>")
    )


def new_id() -> str:
    """A Message-ID that no other test used."""
    return f"<test-{time.time_ns()}-{next(_NUMBERS)}@contoso.example>"


def envelope(*recipients: str) -> Envelope:
    """An envelope from SENDER."""
    return Envelope(organisation="contoso", activity="6f1d", sender=SENDER, recipients=recipients or RECIPIENTS[:1])


def wait_for(house: House, address: str, message_id: str, count: int = 1) -> list[bytes]:
    """Return the mails with this id that the recipient got, once there are as many (a server delivers in its own time)."""
    deadline = time.monotonic() + 20
    while True:
        found = [raw for raw in house.got(address) if message_id.encode() in raw]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_an_accepted_mail_arrives_once_with_its_text(house: House, sender: MailSender, now: datetime) -> None:
    message_id = new_id()

    result = sender.send(envelope(), composed(message_id, now))

    assert result.outcome is SendOutcome.ACCEPTED
    assert result.evidence
    (raw,) = wait_for(house, RECIPIENTS[0], message_id)
    mail = message_from_bytes(raw, policy=policy.default)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert mail["Subject"] == "Größe"
    assert plain is not None
    assert plain.get_content().splitlines() == ["Hello", ".", ".dot"]
    assert html is not None
    assert html.get_content().strip() == "<p>ä</p>"


def test_a_batch_goes_over_one_sender(house: House, sender: MailSender, now: datetime) -> None:
    ids = [new_id() for _ in range(5)]

    results = [sender.send(envelope(), composed(message_id, now)) for message_id in ids]

    assert {result.outcome for result in results} == {SendOutcome.ACCEPTED}
    assert [len(wait_for(house, RECIPIENTS[0], message_id)) for message_id in ids] == [1] * 5


def test_a_blind_copy_arrives_and_stands_in_no_header(house: House, sender: MailSender, now: datetime) -> None:
    message_id = new_id()

    result = sender.send(envelope(*RECIPIENTS), composed(message_id, now))

    assert result.outcome is SendOutcome.ACCEPTED
    for address in RECIPIENTS:
        (raw,) = wait_for(house, address, message_id)
        mail = message_from_bytes(raw)
        assert "bob" not in f"{mail['To']}{mail['Cc']}{mail['Bcc']}"


@pytest.mark.parametrize(
    "address", ["", "no-at-sign", "a b@contoso.example", "x@contoso.example>\r\nRCPT TO:<evil@example.org", "\0@x"]
)
def test_what_is_no_address_is_refused_and_nothing_is_sent(
    house: House, sender: MailSender, now: datetime, address: str
) -> None:
    message_id = new_id()

    result = sender.send(envelope(address), composed(message_id, now))

    assert result.outcome is SendOutcome.REFUSED
    assert result.evidence
    assert "evil" not in result.evidence
    assert [raw for raw in house.got(RECIPIENTS[0]) if message_id.encode() in raw] == []


def test_a_refused_mail_does_not_spoil_the_next(house: House, sender: MailSender, now: datetime) -> None:
    message_id = new_id()

    sender.send(envelope("not an address"), composed(new_id(), now))
    result = sender.send(envelope(), composed(message_id, now))

    assert result.outcome is SendOutcome.ACCEPTED
    assert len(wait_for(house, RECIPIENTS[0], message_id)) == 1


def test_closing_is_harmless_before_the_first_mail_and_twice(house: House) -> None:
    opened = house.open()
    opened.close()
    opened.close()

    assert opened.kind in {"smtp", "ses", "ews", "graph"}
