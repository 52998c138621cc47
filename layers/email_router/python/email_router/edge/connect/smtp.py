"""Speak SMTP (RFC 5321, 2920, 3207, 4954, 6531): hand mail over, the next one's envelope in one breath with the text of this one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from email_router.core.errors import TryLater
from email_router.edge.connect import smtp_opening
from email_router.edge.connect.opening import opening
from email_router.edge.connect.smtp_envelope import WINDOW, gone_ahead, in_pipeline, one_by_one
from email_router.edge.connect.smtp_handover import Handover, senseless
from email_router.edge.connect.smtp_line import SmtpLine
from email_router.edge.connect.smtp_text import stuffed, whole_lines
from email_router.edge.connect.smtp_transaction import breath

if TYPE_CHECKING:
    from collections.abc import Callable

    from email_router.core.mailbox import Profile
    from email_router.core.octets import Octets
    from email_router.core.ports import Reach
    from email_router.edge.connect.bearer import Bearer
    from email_router.edge.connect.smtp_answer import Answer
    from email_router.edge.connect.smtp_transaction import Transaction

ANSWER_SECONDS = 120.0
"""How long the server may take for an answer; after that to the final dot the mail's fate is unknown (RFC 5321 4.5.3.2 wants more than
a function has)."""

OPENING_SECONDS = 90.0
"""How long opening a session may take in all."""

BEFORE_SECONDS = 170.0
"""How long it may take in all until a mail has been given, be it by many slow answers or by taking the text slowly.  With the wait for the
last answer that is what a function has."""

LEAVING = 421
"""The server closes the line (RFC 5321 3.8)."""

_MOST_DIGITS = 18
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,255}")


class SmtpSession:
    """One session, kept for any number of mails.  An error raised by hand_over() means for certain that nothing was handed over.

    An envelope may go ahead of its mail.  A server takes no mail of which it has not got the final dot (RFC 5321 4.1.1.4), so one whose
    mail does not come after all is left by dropping the line.
    """

    def __init__(self, line: SmtpLine) -> None:
        """Take over a line."""
        self._line = line
        line.be_patient(ANSWER_SECONDS, OPENING_SECONDS)
        self.extensions: dict[str, str] = {}
        self.ahead: tuple[str, ...] = ()
        """The commands that went ahead of their mail, DATA not counted; nothing but that mail may be said next."""
        self._told: Handover | None = None

    @classmethod
    def to(
        cls, profile: Profile, reach: Reach, address: str, password: str, bearer: Bearer | None = None
    ) -> SmtpSession:
        """Connect, greet, start TLS where the profile says STARTTLS, log in as it says: with the bearer's token where one is given."""
        domain = address.rpartition("@")[2]
        line = SmtpLine.to(profile, reach, address, smtp_opening.PORTS[profile.security])
        session = cls(line)
        with opening(line):
            smtp_opening.greet(session, line, profile, domain if _DOMAIN.fullmatch(domain) else "localhost")
            user = profile.username or address
            smtp_opening.log_in(session, profile, user, password, bearer)
            line.tell_login(smtp_opening.login_told(session, profile, user, bearer))
        return session

    @property
    def name(self) -> str:
        """Whose session with which server it is, for people."""
        return self._line.name

    @property
    def alive(self) -> bool:
        """Tell whether the session can take another mail."""
        return self._line.open

    @property
    def size_limit(self) -> int:
        """Return the largest mail in bytes that the server takes (RFC 1870), 0 when it names none."""
        text = self.extensions.get("SIZE", "")
        return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else 0

    def hand_over(
        self,
        mail: Transaction,
        following: tuple[str, ...] = (),
        meanwhile: Callable[[], object] | None = None,
        *,
        pipelined: bool = True,
        seconds: float | None = None,
    ) -> Handover:
        """Hand one mail over, its envelope in a pipeline where the server can and `pipelined` allows, or gone ahead already.

        It has `seconds` to be given (BEFORE_SECONDS where none are named).  `following` are the commands of the next one's envelope, which
        may go in one breath with the text of this one; its answers are read when it is handed over itself, so that they are held against no
        other.  `meanwhile` is done before the final answer is awaited, and never raises.  Raises TryLater when the line breaks before the
        mail was given whole, and "unexpected_answer" when a server loses its place in a pipeline that it announced or says what answers
        nothing: the next answer would be taken for that to another command.
        """
        pipelined = pipelined and "PIPELINING" in self.extensions
        self._line.be_patient(ANSWER_SECONDS, BEFORE_SECONDS if seconds is None else seconds)
        handover = self._envelope(mail.commands, pipelined=pipelined)
        if not handover.smooth and not self._goes_on(handover):
            return handover
        self._content(mail.text, following if pipelined and len(following) < WINDOW else ())
        if meanwhile:
            meanwhile()
        return self._ended(handover)

    def answers_ahead(self) -> bool:
        """Tell whether the server answers the envelope that went ahead; if not, the line is gone, and nothing was handed over with it."""
        try:
            self._told = self._told or gone_ahead(self._line, self.ahead)
        except TryLater:
            return False
        return True

    def quit(self, seconds: float) -> None:
        """End the session politely, unless an envelope went ahead: its mail is awaited, and QUIT would be taken for that.  Never raises."""
        self._line.be_patient(seconds, seconds)
        try:
            if not self.ahead:
                self.ask("QUIT")
        except TryLater:
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the line; never raises."""
        self._line.close()

    def _envelope(self, commands: tuple[str, ...], *, pipelined: bool) -> Handover:
        """Say the envelope and DATA, or read what was answered to them when they went ahead."""
        ahead, told, self.ahead, self._told = self.ahead, self._told, (), None
        if ahead and ahead != commands:
            self.drop()
            raise TryLater(f"{self.name}: another e-mail was to follow on this line", kind="overtaken", shared=True)
        if ahead:
            return told or gone_ahead(self._line, ahead)
        self._line.expect_silence()
        return in_pipeline(self._line, commands) if pipelined else one_by_one(self._line, commands)

    def _goes_on(self, handover: Handover) -> bool:
        """Tell whether the text can be sent; if not, the next mail can start afresh."""
        if handover.makes_no_sense:
            raise self._line.unexpected()
        if not handover.waits:
            self._reset(handover.mail)
        elif not handover.wanted:
            self._line.send(b".\r\n")  # RFC 2920 3.1: DATA was taken although nobody is left to get the mail
            self._line.answer()
        return handover.waits and handover.wanted

    def _content(self, text: Octets, following: tuple[str, ...]) -> None:
        """Send the mail.  Once all of it is on its way a broken line leaves its fate unknown; before, the server cannot have it whole."""
        self._line.expect_silence()
        waiting = b""
        for piece in whole_lines(text):
            if waiting:
                self._line.send(waiting)
            waiting = stuffed(piece)
        # In one breath with the last lines: a dot alone would wait for their receipt (Nagle).
        self._line.send_last(waiting + b".\r\n", breath((*following, "DATA")) if following else b"")
        self.ahead = following

    def _ended(self, handover: Handover) -> Handover:
        """Return with the answer to the final dot, or with how the line broke while it was awaited."""
        self._line.be_patient(ANSWER_SECONDS, ANSWER_SECONDS + 1)
        try:
            final = self._line.answer()
            if senseless(final):
                raise self._line.unexpected()
        except TryLater as silence:
            return handover._replace(broken=str(silence))
        return handover._replace(final=final)

    def _reset(self, mail: Answer) -> None:
        """Forget the envelope, so that the next mail starts afresh; a server that is leaving (421) is left."""
        try:
            answer = self.ask("RSET") if mail.code != LEAVING else None
        except TryLater:
            answer = None
        if answer is None or not answer.good:
            self.drop()
        if senseless(answer):  # it answers something else: what was told before belongs to other commands
            raise self._line.unexpected()

    def ask(self, command: str) -> Answer:
        """Say one line and return the answer."""
        return self._line.ask(command)

    def trouble(self, step: str, answer: Answer) -> TryLater:
        """Name a refusal that ends the session before any mail."""
        self.drop()
        return TryLater(f"{self.name}: {step} was answered: {answer}", kind="server_busy", shared=True)
