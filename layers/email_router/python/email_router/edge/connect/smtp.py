"""Speak SMTP (RFC 5321, 2920, 3207, 4954, 6531): greet, secure, log in, hand mail over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from email_router.core.errors import TryLater
from email_router.core.mailbox import Authentication, Security
from email_router.edge.connect import smtp_login
from email_router.edge.connect.line import Line
from email_router.edge.connect.opening import no_starttls, opening
from email_router.edge.connect.smtp_answer import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.bearer import Bearer

ANSWER_SECONDS = 120.0
"""How long the server may take for an answer; after that to the final dot the mail's fate is unknown (RFC 5321 4.5.3.2 wants more than
a function has)."""

_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
# Reply codes of RFC 5321 4.2.3 and 3207 by what they let the client do.
_READY, _SEND_MAIL, _OUT_OF_ORDER = 220, 354, 503
_DONE, _GO_ON, _REFUSALS = 2, 3, (4, 5)
"""First digits of reply codes: 2yz, 3yz, 4yz and 5yz (RFC 5321 4.2.1)."""

LEAVING = 421
"""The server closes the line (RFC 5321 3.8)."""

_MOST_LINES = 200
_MOST_DIGITS = 18
_WINDOW = 100
"""Commands in one breath: their answers, unread, must not fill what lies between us and a server that waits to be read (RFC 2920 3.1)."""

_PIECE = 256 * 1024
_LINE_END = b"\r\n"
_ANSWER = re.compile(rb"[2-5][0-9]{2}(?:[ -]|$)")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,255}")


class Handover(NamedTuple):
    """What the server said at each step of one mail; None where the step was not reached.

    `final` is its answer to the final dot, `broken` says how the line broke while that answer was awaited.
    """

    mail: Answer
    recipients: tuple[Answer, ...] = ()
    data: Answer | None = None
    final: Answer | None = None
    broken: str = ""


class SmtpSession:
    """One session, kept for any number of mails.  An error raised by hand_over() means for certain that nothing was handed over."""

    def __init__(self, line: Line, greets_as: str) -> None:
        """Take over a line; `greets_as` is the name given with EHLO."""
        self._line = line
        line.seconds = ANSWER_SECONDS
        self._greets_as = greets_as
        self.extensions: dict[str, str] = {}

    @classmethod
    def to(
        cls, profile: Profile, reach: Reach, address: str, password: str, bearer: Bearer | None = None
    ) -> SmtpSession:
        """Connect, greet, start TLS where the profile says STARTTLS, log in as it says: with the bearer's token where one is given."""
        domain = address.rpartition("@")[2]
        line = Line.to(profile, reach, address, _PORTS[profile.security])
        session = cls(line, domain if _DOMAIN.fullmatch(domain) else "localhost")
        with opening(line):
            session._greet(profile)
            session._login(profile, profile.username or address, password, bearer)
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
        self, sender: str, recipients: Sequence[str], data: bytes, receipt: str = "", *, pipelined: bool = True
    ) -> Handover:
        """Hand one mail over, its envelope in a pipeline where the server can and `pipelined` allows.

        With `receipt`, an id that stands in the report, a server that knows how (DSN, RFC 3461) is asked to report the delivery too.

        `data` has CRLF line ends only and ends in one; its lines that begin with a dot are stuffed here (RFC 5321 4.5.2).  The addresses
        are fit for the wire; what is not ASCII needs a server with SMTPUTF8.  Raises TryLater when the line breaks before the mail was
        given whole, and "unexpected_answer" when a server loses its place in a pipeline that it announced or says what answers nothing: the
        next answer would be taken for that to another command.
        """
        self._expect_silence()
        asked = bool(receipt) and "DSN" in self.extensions
        commands = [
            self._mail(sender, recipients, data) + (f" RET=HDRS ENVID={xtext(receipt)}" if asked else ""),
            *(f"RCPT TO:<{each}>{_notify(each) if asked else ''}" for each in recipients),
        ]
        if pipelined and "PIPELINING" in self.extensions:
            handover = self._pipeline(commands)
        else:
            first, *others = self._one_by_one(commands)
            handover = Handover(first, tuple(others), self._data(first, others))
        if any(_senseless(each) for each in (handover.mail, *handover.recipients)) or _senseless(handover.data, _GO_ON):
            raise self._unexpected()
        if handover.data is None or handover.data.code != _SEND_MAIL:
            self._reset(handover.mail)
            return handover
        if not handover.mail.good or not any(each.good for each in handover.recipients):
            self._line.send(b".\r\n")  # RFC 2920 3.1: DATA was taken although nobody is left to get the mail
            self._answer()
            return handover
        return self._content(handover, data)

    def _mail(self, sender: str, recipients: Sequence[str], data: bytes) -> str:
        plain = data.isascii()
        command = f"MAIL FROM:<{sender}>" + (f" SIZE={len(data)}" if "SIZE" in self.extensions else "")
        command += " BODY=8BITMIME" if not plain and "8BITMIME" in self.extensions else ""
        international = not (plain and sender.isascii() and all(each.isascii() for each in recipients))
        return command + (" SMTPUTF8" if international and "SMTPUTF8" in self.extensions else "")

    def quit(self, seconds: float) -> None:
        """End the session politely; never raises."""
        self._line.seconds = seconds
        try:
            self.ask("QUIT")
        except TryLater:
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the line; never raises."""
        self._line.close()

    def _greet(self, profile: Profile) -> None:
        greeting = self._answer()
        if not greeting.good:
            raise self.trouble("the greeting", greeting)
        self._hello()
        if profile.security is not Security.STARTTLS:
            return
        answer = self.ask("STARTTLS")
        if answer.code != _READY:
            raise no_starttls(self._line, str(answer), command="STARTTLS", tls_port=_PORTS[Security.TLS])
        self._line.start_tls(profile.ca_pem)
        self._hello()

    def _hello(self) -> None:
        """Say EHLO and forget whatever was known of the server before."""
        self.extensions = {}
        answer = self.ask(f"EHLO {self._greets_as}")
        if not answer.good:
            answer = self.ask(f"HELO {self._greets_as}")
            if not answer.good:
                raise self.trouble("HELO", answer)
            return
        for line in answer.lines[1:]:
            keyword, _, parameters = line.decode("ascii", "replace").strip().partition(" ")
            self.extensions[keyword.upper()] = parameters.strip()

    def _login(self, profile: Profile, user: str, password: str, bearer: Bearer | None) -> None:
        if profile.authentication is Authentication.ANONYMOUS:
            return
        if bearer is not None:
            answer = smtp_login.log_in_with_token(self, user, bearer)
        elif profile.authentication is Authentication.WINDOWS:
            answer = smtp_login.log_in_by_ntlm(self, user, password)
        else:
            answer = smtp_login.log_in(self, user, password)
        if answer.later:
            raise self.trouble("AUTH", answer)
        if not answer.good:
            raise smtp_login.refused(self, str(answer))

    def _pipeline(self, commands: Sequence[str]) -> Handover:
        """Say the envelope and DATA in as few breaths as there are windows; the answers come in the order of the commands (RFC 2920 3.1)."""
        answers: list[Answer] = []
        spoken = [*commands, "DATA"]
        for start in range(0, len(spoken), _WINDOW):
            window = spoken[start : start + _WINDOW]
            self._line.send("".join(f"{command}\r\n" for command in window).encode())
            answers += [self._answer() for _ in window]
            if not answers[0].good and start + _WINDOW < len(spoken):
                return Handover(answers[0])
        mail, data = answers[0], answers[-1]
        handover = Handover(mail, tuple(answers[1:-1]), data)
        wanted = any(each.good for each in handover.recipients)
        told = (*handover.recipients, data) if wanted else handover.recipients
        if mail.good and any(each.code == _OUT_OF_ORDER for each in told):
            raise self._unexpected()
        return handover

    def _one_by_one(self, commands: Sequence[str]) -> list[Answer]:
        answers = [self.ask(commands[0])]
        if answers[0].good:
            answers += [self.ask(command) for command in commands[1:]]
        return answers

    def _data(self, mail: Answer, recipients: Sequence[Answer]) -> Answer | None:
        return self.ask("DATA") if mail.good and any(each.good for each in recipients) else None

    def _content(self, handover: Handover, data: bytes) -> Handover:
        """Send the mail.  Once all of it is on its way a broken line leaves its fate unknown; before, the server cannot have it whole."""
        self._expect_silence()
        waiting = b""
        for piece in whole_lines(data):
            if waiting:
                self._line.send(waiting)
            waiting = _stuffed(piece)
        self._line.send(
            waiting + b".\r\n"
        )  # in one breath with the last lines: a dot alone would wait for their receipt (Nagle)
        try:
            final = self._answer()
            if _senseless(final):
                raise self._unexpected()
            return handover._replace(final=final)
        except TryLater as silence:
            return handover._replace(broken=str(silence))

    def _reset(self, mail: Answer) -> None:
        """Forget the envelope, so that the next mail starts afresh; a server that is leaving (421) is left."""
        try:
            stays = mail.code != LEAVING and self.ask("RSET").good
        except TryLater:
            stays = False
        if not stays:
            self.drop()

    def ask(self, command: str) -> Answer:
        """Say one line and return the answer."""
        self._line.send(f"{command}\r\n".encode())
        return self._answer()

    def _answer(self) -> Answer:
        lines: list[bytes] = []
        while len(lines) < _MOST_LINES:
            line = self._line.read_line()
            if not _ANSWER.match(line):
                break
            lines.append(line[4:])
            if line[3:4] != b"-":
                return Answer(int(line[:3]), tuple(lines))
        raise self._unexpected()

    def _expect_silence(self) -> None:
        if not self._line.read_up:
            raise self._unexpected()

    def _unexpected(self) -> TryLater:
        self.drop()
        return TryLater(
            f"{self._line.name}: expected an SMTP answer, found something else", kind="unexpected_answer", shared=True
        )

    def trouble(self, step: str, answer: Answer) -> TryLater:
        """Name a refusal that ends the session before any mail."""
        self.drop()
        return TryLater(f"{self._line.name}: {step} was answered: {answer}", kind="server_busy", shared=True)


def xtext(text: str) -> str:
    """Return a text as a parameter's value may hold it (RFC 3461 4); what is not ASCII becomes a question mark."""
    plain = text.encode("ascii", "replace").decode("ascii")
    return "".join(each if "!" <= each <= "~" and each not in "+=" else f"+{ord(each):02X}" for each in plain)


def _senseless(answer: Answer | None, go_on: int = _DONE) -> bool:
    """Tell whether a code is none that the command can have (RFC 5321 4.3.2); `go_on` is the first digit of the one that it hopes for."""
    return answer is not None and answer.code // 100 not in {go_on, *_REFUSALS}


def whole_lines(data: bytes) -> Iterator[bytes]:
    """Yield the bytes in pieces that end with a line each, so that a large mail is never held twice; a small one is one piece."""
    start = 0
    while len(data) - start > _PIECE:
        end = data.rfind(_LINE_END, start, start + _PIECE)
        if end < 0:  # a line longer than a piece
            end = data.find(_LINE_END, start)
        if end < 0:
            break
        yield data[start : end + len(_LINE_END)]
        start = end + len(_LINE_END)
    if start < len(data) or not data:
        yield data[start:]


def _stuffed(lines: bytes) -> bytes:
    """Return whole lines with a dot more before each that begins with one."""
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _notify(recipient: str) -> str:
    return f" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={_original(recipient)}"


def _original(recipient: str) -> str:
    """Return who was meant, as a parameter may hold him (RFC 3461 4.2; RFC 6533 3 for what is not ASCII)."""
    if recipient.isascii():
        return f"rfc822;{xtext(recipient)}"
    plain = (each if "!" <= each <= "~" and each not in "+=\\" else f"\\x{{{ord(each):X}}}" for each in recipient)
    return f"utf-8;{''.join(plain)}"
