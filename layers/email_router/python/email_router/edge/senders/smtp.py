"""Send by SMTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked, MessageRefused, TryLater
from email_router.core.sending import RecipientResult, SendOutcome, SendResult
from email_router.core.wire import downgraded, international_address
from email_router.edge.connect.smtp import LEAVING, Handover, SmtpSession, whole_lines
from email_router.edge.connect.smtp_account import opened
from email_router.edge.connect.smtp_answer import Answer

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach
    from email_router.core.sending import Envelope

RETRY_SECONDS = 300.0
"""How long a 4xx asks to wait at least: grey lists mean five minutes."""

_NO_SMTPUTF8 = (
    "the relay does not offer SMTPUTF8 (RFC 6531), which an address with letters outside ASCII before the @ needs"
)
_FAREWELL_SECONDS = 5.0
_LOGIN_WANTED = frozenset({530, 534, 535, 538})  # RFC 4954 6


class SmtpSender:
    """A relay, held open from mail to mail.

    A mail is handed over at most once: what broke before its last byte was sent is raised as TryLater, what broke after is UNKNOWN.  A line
    that the relay closed between two mails is opened anew.  A mail is ACCEPTED when the relay takes it for at least one recipient;
    `recipients` tells of each.  Where the relay offers no SMTPUTF8, recipients who need it are refused and the others get the mail, its
    header downgraded.
    """

    kind = "smtp"

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before the first mail."""
        self._profile = profile
        self._address = mailbox.address
        self._secret = secret
        self._reach = reach
        self._session: SmtpSession | None = None
        self._kept = False
        self._pipelines = True

    def send(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Hand the mail over once."""
        try:
            sender = international_address(envelope.sender)
        except MessageRefused as refusal:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=f"sender: {refusal}")
        good, bad = _addresses(envelope.recipients)
        flaw = _flaw(composed) or ("" if good else "no recipient has an address that mail can be sent to")
        if flaw:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=flaw, recipients=bad)
        session = self._open()
        if "SMTPUTF8" not in session.extensions:
            composed = downgraded(composed)
            good, unable = _plain_ones(good)
            bad += unable
        flaw = _unfit(session, sender, good, composed)
        if flaw:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=flaw, recipients=bad)
        receipt = envelope.activity if envelope.delivery_receipt else ""
        handover = self._hand_over(session, sender, tuple(good), composed, receipt)
        self._look(handover)
        return _result(handover, tuple(good.values()), bad)

    def close(self) -> None:
        """End the session; never raises."""
        session, self._session = self._session, None
        if session is not None and session.alive:
            session.quit(_FAREWELL_SECONDS)

    def _open(self) -> SmtpSession:
        if self._session is None or not self._session.alive:
            self._session = opened(self._profile, self._address, self._secret, self._reach)
            self._kept = False
        return self._session

    def _hand_over(
        self, session: SmtpSession, sender: str, recipients: tuple[str, ...], composed: bytes, receipt: str
    ) -> Handover:
        """Hand over.  Where nothing was handed over it is done anew, once for each of two reasons, over a line of its own.

        A kept line may turn out to be gone; and a server may announce pipelines and not stand them, so no other is tried on it.
        """
        kept, self._kept = self._kept, True
        try:
            handover = session.hand_over(sender, recipients, composed, receipt, pipelined=self._pipelines)
        except TryLater:
            session.drop()
            if not kept and not self._may_have_piped(session):
                raise
            self._pipelines = self._pipelines and kept
        else:
            if handover.mail.code != LEAVING or not kept:
                return handover
            session.drop()
        return self._hand_over(self._open(), sender, recipients, composed, receipt)

    def _may_have_piped(self, session: SmtpSession) -> bool:
        return self._pipelines and "PIPELINING" in session.extensions

    def _look(self, handover: Handover) -> None:
        """Raise what concerns the mailbox or the relay, and not this mail."""
        if handover.mail.code in _LOGIN_WANTED:
            raise MailboxBlocked(
                f"{self._address}: {self._profile.host} wants another login: {handover.mail}",
                kind="login_refused",
                mend='Set authentication = "clear-text" and the credentials in the profile, and check the account.',
            )
        if handover.mail.code == LEAVING:
            raise TryLater(
                f"{self._address}: {self._profile.host} is busy: {handover.mail}", kind="server_busy", shared=True
            )


def _flaw(composed: bytes) -> str:
    """Say why the bytes may not go on the wire, or nothing: a bare CR or LF may smuggle a second mail, a NUL cut this one."""
    sound = all(b"\r\n".join(piece.splitlines()) + b"\r\n" == piece for piece in whole_lines(composed))
    if b"\0" in composed or not sound:
        return "the mail holds a bare CR, a bare LF or a NUL, or does not end with CRLF"
    return ""


def _unfit(session: SmtpSession, sender: str, recipients: dict[str, str], composed: bytes) -> str:
    """Say why this relay cannot take the mail, or nothing."""
    if not recipients or (not sender.isascii() and "SMTPUTF8" not in session.extensions):
        return _NO_SMTPUTF8
    if not composed.isascii() and "8BITMIME" not in session.extensions:
        return "the relay takes no 8-bit mail"
    if 0 < session.size_limit < len(composed):
        return f"{len(composed)} bytes, and the relay takes at most {session.size_limit}"
    return ""


def _addresses(recipients: tuple[str, ...]) -> tuple[dict[str, str], tuple[RecipientResult, ...]]:
    """Return the addresses as they stand on the wire with the ones given, and a refusal for each that cannot stand there."""
    good: dict[str, str] = {}
    bad: list[RecipientResult] = []
    for recipient in recipients:
        try:
            good.setdefault(international_address(recipient), recipient)
        except MessageRefused as refusal:
            bad.append(RecipientResult(recipient, SendOutcome.REFUSED, str(refusal)))
    return good, tuple(bad)


def _plain_ones(recipients: dict[str, str]) -> tuple[dict[str, str], tuple[RecipientResult, ...]]:
    """Return those whom any relay can reach, and a refusal for each of the others."""
    plain = {address: given for address, given in recipients.items() if address.isascii()}
    others = (given for address, given in recipients.items() if not address.isascii())
    return plain, tuple(RecipientResult(given, SendOutcome.REFUSED, _NO_SMTPUTF8) for given in others)


def _result(handover: Handover, recipients: tuple[str, ...], bad: tuple[RecipientResult, ...]) -> SendResult:
    whole, evidence = _whole(handover)
    each = [
        RecipientResult(
            address, *((whole, evidence) if answer.good or not handover.mail.good else (_outcome(answer), str(answer)))
        )
        for address, answer in zip(recipients, handover.recipients, strict=False)
    ]
    put_off = any(found is SendOutcome.DEFERRED for found in (whole, *(one.outcome for one in each)))
    after = RETRY_SECONDS if put_off else 0
    return SendResult(outcome=whole, evidence=evidence, recipients=(*each, *bad), after=after)


def _whole(handover: Handover) -> tuple[SendOutcome, str]:
    """Return what became of the mail, with the words that decided it."""
    if handover.broken:
        return SendOutcome.UNKNOWN, handover.broken
    if handover.final is not None:
        return _outcome(handover.final), str(handover.final)
    if not handover.mail.good:
        return _outcome(handover.mail), str(handover.mail)
    refusals = [answer for answer in handover.recipients if not answer.good]
    if len(refusals) == len(handover.recipients):
        deciding = next((answer for answer in refusals if answer.later), refusals[0])
        return _outcome(deciding), str(deciding)
    deciding = handover.data or refusals[0]
    return _outcome(deciding), str(deciding)


def _outcome(answer: Answer) -> SendOutcome:
    if answer.good:
        return SendOutcome.ACCEPTED
    return SendOutcome.DEFERRED if answer.later else SendOutcome.REFUSED
