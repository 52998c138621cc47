"""Send by SMTP."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.sending import SendOutcome, SendResult
from email_router.edge.connect import smtp
from email_router.edge.connect.smtp import LEAVING, SmtpSession
from email_router.edge.connect.smtp_account import opened
from email_router.edge.connect.smtp_letter import Fitted, Letter
from email_router.edge.connect.smtp_outcome import result_of

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.octets import Octets
    from email_router.core.ports import Reach
    from email_router.core.sending import Envelope
    from email_router.edge.connect.smtp_handover import Handover
    from email_router.edge.connect.smtp_transaction import Transaction

_FAREWELL_SECONDS = 5.0
_LOGIN_WANTED = frozenset({530, 534, 535, 538})  # RFC 4954 6


class _Next(NamedTuple):
    """The mail that was announced, as the relay of this session gets it."""

    letter: Letter
    session: SmtpSession
    fitted: Fitted

    def of(self, session: SmtpSession, letter: Letter) -> bool:
        """Tell whether it is of this mail and this relay."""
        return self.letter is letter and self.session is session


class SmtpSender:
    """A relay, held open from mail to mail.

    A mail is handed over at most once: what broke before its last byte was sent is raised as TryLater, what broke after is UNKNOWN.  A line
    that the relay closed between two mails is opened anew.  A mail is ACCEPTED when the relay takes it for at least one recipient;
    `recipients` tells of each.  Where the relay offers no SMTPUTF8, recipients who need it are refused and the others get the mail, its
    header downgraded.

    Where the relay stands pipelines, the envelope of a mail that was announced goes in one breath with the text of the one before (RFC
    2920 3.1): one round trip a mail.  No byte of its text goes before it is sent itself, so until then it is for certain not handed over,
    whatever becomes of the line; and nothing that is said of it is held against the one before.
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
        self._chains = True
        self._has_chained = False
        self._announced: Letter | None = None
        self._next: _Next | None = None

    def announce(self, envelope: Envelope, composed: Octets) -> None:
        """Say which mail is sent after the one that is sent next, so that its envelope may go ahead.

        It counts for that one `send` and promises nothing: another mail may follow, or none.  Nothing is sent here, and nothing raised.
        """
        self._announced = Letter.of(envelope, composed)

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Hand the mail over once."""
        letter = self._letter(envelope, composed)
        following, self._announced = self._announced, None
        if letter.flaw:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=letter.flaw, recipients=letter.refused)
        handover, until = None, monotonic() + smtp.BEFORE_SECONDS
        while handover is None:
            session = self._open()
            mail = self._fitted(session, letter)
            if mail.flaw:
                return SendResult(outcome=SendOutcome.REFUSED, evidence=mail.flaw, recipients=mail.refused)
            handover = self._hand_over(session, mail.transaction, following, until)
        self._look(handover)
        return result_of(handover, mail.recipients, mail.refused)

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

    def _letter(self, envelope: Envelope, composed: Octets) -> Letter:
        known = self._next.letter if self._next else None
        return known if known and known.is_of(envelope, composed) else Letter.of(envelope, composed)

    def _fitted(self, session: SmtpSession, letter: Letter) -> Fitted:
        known = self._next
        return known.fitted if known and known.of(session, letter) else Fitted.to(session, letter)

    def _ahead(self, session: SmtpSession, following: Letter | None) -> tuple[str, ...]:
        """Return the commands that may go ahead: those of a mail that this relay can take as it is."""
        self._next = None
        if following is not None:
            try:  # noqa: SIM105 - suppress() costs several times as much, for each mail
                self._next = _Next(following, session, Fitted.to(session, following))
            except RouterError:  # it cannot be read: that is told when its own turn has come
                pass
        goes = self._next is not None and self._chains and not self._next.fitted.flaw
        return self._next.fitted.transaction.commands if self._next and goes else ()

    def _hand_over(
        self, session: SmtpSession, mail: Transaction, following: Letter | None, until: float
    ) -> Handover | None:
        """Hand over by then; None where nothing was handed over and it is to be done anew over a line of its own.

        That is once for each of three reasons: a kept line may turn out to be gone; a server may announce pipelines and not stand them, or
        not stand that an envelope goes ahead, so neither is tried on it again.
        """
        kept, self._kept = self._kept, True
        went_ahead = session.ahead == mail.commands
        ahead = self._ahead(session, following)
        # The next text is looked through while the relay has this one to read.
        meanwhile = following.look_through if following else None
        try:
            left = until - monotonic()
            handover = session.hand_over(mail, ahead, meanwhile, pipelined=self._pipelines, seconds=left)
        except TryLater:
            session.drop()
            if monotonic() > until or (not kept and not self._may_have_piped(session)):
                raise
            self._pipelines = self._pipelines and kept
            self._chains = self._chains and (self._has_chained or not went_ahead)
            return None
        if self._doubts(session, handover, went_ahead=went_ahead):
            self._chains = False
            return handover if handover.broken else None
        if handover.mail.code == LEAVING and kept:
            session.drop()
            return None
        return handover

    def _doubts(self, session: SmtpSession, handover: Handover, *, went_ahead: bool) -> bool:
        """Tell whether what the server said may mean only that it does not stand an envelope that goes ahead.

        Before that has once gone well, a refusal after it is not believed: nothing was handed over, and the mail is offered in the plain way.
        """
        if self._has_chained:
            return False
        if went_ahead:
            self._has_chained = handover.waits and handover.wanted
            return not self._has_chained
        if not session.ahead or (handover.final is not None and handover.final.good):
            return False
        if session.answers_ahead():
            return False
        session.drop()
        return True

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
