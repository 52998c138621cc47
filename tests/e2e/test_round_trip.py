"""Mail that makes the round of real servers: out by SMTP through Postfix into Dovecot, answered there, and fetched again.

What Postfix cannot deliver comes back as its own report, and fails the e-mail with the recipient named.
"""

from __future__ import annotations

import smtplib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.mailbox import Direction
from email_router.core.recipients import told
from email_router.core.sending import OutgoingState, Reported, SendOutcome
from tests.e2e.installation import ORGANISATION, Installation, installation
from tests.servers import DovecotServer, PostfixServer, need
from tests.simulators.certificates import Authority

SALES, ANN = "round-sales@contoso.example", "round-ann@contoso.example"
ERIN, NOBODY = "round-erin@fabrikam.example", "nobody.here@fabrikam.example"
SECONDS = 15.0

CONFIGURATION = """
[organisation]
name = "contoso"

[[profiles]]
name = "imap-in"
direction = "incoming"
server = "imap"
host = "localhost"
port = {imaps}
security = "tls"
ca_bundle = "{ca}"
credentials = {{ env = "DOVECOT_PASSWORD" }}

[[profiles]]
name = "pop3-in"
direction = "incoming"
server = "pop3"
host = "localhost"
port = {pop3s}
security = "tls"
ca_bundle = "{ca}"
credentials = {{ env = "DOVECOT_PASSWORD" }}

[[profiles]]
name = "smtp-out"
direction = "outgoing"
server = "smtp"
host = "localhost"
port = {smtp}
security = "starttls"
ca_bundle = "{ca}"
authentication = "anonymous"

[[mailboxes]]
address = "{sales}"
kind = "queue"
incoming = "imap-in"
outgoing = "smtp-out"
accept = "replies"

[[mailboxes]]
address = "{ann}"
kind = "user"
incoming = "pop3-in"
outgoing = "smtp-out"
accept = "replies"
"""


@dataclass
class Round:
    """The servers, the router, and a person who reads and answers mail."""

    there: Installation
    dovecot: DovecotServer
    postfix: PostfixServer
    written: list[str] = field(default_factory=list)

    def write(self, sender: str, *to: str) -> str:
        """Let the CRM hold a pending e-mail; return its activity."""
        parties = (Party(Role.FROM, sender), *(Party(Role.TO, address) for address in to))
        email = EmailActivity(
            id=str(uuid.uuid4()),
            direction=Direction.OUTGOING,
            status=EmailStatus.PENDING,
            subject=f"Offer for {to[0]}",
            text="Dear customer,\n.\nhere is our offer.\n",
            parties=parties,
            created=datetime.now(UTC),
        )
        self.there.backend.organisation().crm.create_outgoing(email)
        self.written.append(email.id)
        return email.id

    def state(self, activity: str) -> OutgoingState:
        state = self.there.services.outgoing(ORGANISATION).get(activity)
        assert state is not None
        return state

    def arrives(self, address: str, wanted: Callable[[EmailMessage], bool]) -> EmailMessage:
        """Wait until the mail lies in the mailbox."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for path in self.dovecot.files(address):
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                if wanted(mail):
                    return mail
            time.sleep(0.05)
        raise AssertionError(f"nothing came to {address}: {(self.postfix.folder / 'postfix.log').read_text()[-1500:]}")

    def answer(self, to: EmailMessage) -> None:
        """Answer as the recipient's mail program does, through the same Postfix."""
        reply = EmailMessage()
        reply["From"], reply["To"] = ERIN, str(to["Reply-To"] or to["From"])
        reply["Subject"] = "AW: your offer"  # neither the subject nor its token comes back
        reply["Message-ID"] = f"<{uuid.uuid4()}@fabrikam.example>"
        reply["In-Reply-To"] = reply["References"] = str(to["Message-ID"])
        reply["Date"] = datetime.now(UTC)
        reply.set_content("We take it.")
        with smtplib.SMTP("127.0.0.1", self.postfix.port) as line:
            line.send_message(reply)


@pytest.fixture(scope="module")
def goes_round(
    dovecot: DovecotServer,
    certificate: tuple[Path, Path],
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Round]:
    need("postfix")
    postfix = PostfixServer(certificate, dovecot, (SALES, ANN, ERIN))
    try:
        with pytest.MonkeyPatch.context() as patch, installation() as there:
            patch.setenv("DOVECOT_PASSWORD", dovecot.password)
            file = tmp_path_factory.mktemp("round") / "router.toml"
            ports = {"imaps": dovecot.imaps, "pop3s": dovecot.pop3s, "smtp": postfix.lax_port}
            file.write_text(CONFIGURATION.format(ca=authority.ca, sales=SALES, ann=ANN, **ports))
            there.publish(file)
            yield Round(there, dovecot, postfix)
    finally:
        postfix.stop()


@pytest.mark.parametrize("sender", [SALES, ANN], ids=["answer by IMAP", "answer by POP3"])
def test_an_e_mail_is_answered_by_its_recipient_and_the_answer_finds_it(goes_round: Round, sender: str) -> None:
    sent = goes_round.write(sender, ERIN)
    goes_round.there.send()
    state = goes_round.state(sent)
    assert state.status is EmailStatus.SENT

    came = goes_round.arrives(ERIN, lambda mail: mail["Message-ID"] == state.message_id)
    assert came.get_content().splitlines() == ["Dear customer,", ".", "here is our offer."]
    assert came["Return-Path"] == f"<{sender}>"
    goes_round.answer(came)
    goes_round.arrives(sender, lambda mail: mail["In-Reply-To"] == state.message_id)
    goes_round.there.route()

    (answer,) = [one for one in goes_round.there.emails() if one.correlated == sent]
    assert (answer.correlation_method.value, answer.text.strip()) == ("in_reply_to", "We take it.")
    assert [party.address for party in answer.parties if party.role is Role.FROM] == [ERIN]


def test_what_postfix_cannot_deliver_comes_back_and_names_who_has_not_got_it(goes_round: Round) -> None:
    alone, among = goes_round.write(SALES, NOBODY), goes_round.write(SALES, ERIN, NOBODY)
    goes_round.there.send()
    assert {goes_round.state(one).status for one in (alone, among)} == {EmailStatus.SENT}
    for activity in (alone, among):
        about = goes_round.state(activity).message_id

        def reports(mail: EmailMessage, about: str = about) -> bool:
            return mail.get_content_type() == "multipart/report" and about in mail.as_string()

        goes_round.arrives(SALES, reports)

    goes_round.there.route()

    failed, partly = goes_round.state(alone), goes_round.state(among)
    assert (failed.status, partly.status) == (EmailStatus.FAILED, EmailStatus.SENT)
    reason = f"delivery report: failed for good (5.1.1) ({NOBODY})"
    assert (failed.reason, partly.reason) == (reason, reason)
    assert [(one.address, one.outcome, one.reported) for one in told(partly)] == [
        (ERIN, SendOutcome.ACCEPTED, Reported.NOTHING),
        (NOBODY, SendOutcome.REFUSED, Reported.BOUNCED),
    ]
    crm = goes_round.there.backend.organisation().crm
    shown = [crm.email(activity) for activity in (alone, among)]
    assert [(one.status, one.reason) for one in shown if one] == [
        (EmailStatus.FAILED, reason),
        (EmailStatus.SENT, reason),
    ]
    (alert,) = [one for one in goes_round.there.services.alerts(ORGANISATION).all() if one.kind == "not_sent"]
    assert alert.messages == tuple(sorted((alone, among)))
    assert failed.history[-1].request
    outgoing = {one.id for one in goes_round.there.emails() if one.direction is Direction.OUTGOING}
    assert outgoing == set(goes_round.written)  # nobody is mailed about it
