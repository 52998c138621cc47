"""Say an SMTP envelope and DATA: in as few breaths as may be, command by command, or not at all where they went ahead (RFC 2920 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.smtp_handover import Handover
from email_router.edge.connect.smtp_transaction import breath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.edge.connect.smtp_answer import Answer
    from email_router.edge.connect.smtp_line import SmtpLine

WINDOW = 100
"""Commands in one breath: their answers, unread, must not fill what lies between us and a server that waits to be read (RFC 2920 3.1)."""


def in_pipeline(line: SmtpLine, commands: Sequence[str]) -> Handover:
    """Say all, a window at a time.  Raises TryLater, the line closed, when the server has lost its place."""
    answers: list[Answer] = []
    spoken = (*commands, "DATA")
    for start in range(0, len(spoken), WINDOW):
        window = spoken[start : start + WINDOW]
        line.send(breath(window))
        answers += [line.answer() for _ in window]
        if not answers[0].good and start + WINDOW < len(spoken):
            return Handover(answers[0])
    handover = Handover.of(answers)
    if not handover.smooth and handover.out_of_order:
        raise line.unexpected()
    return handover


def gone_ahead(line: SmtpLine, commands: Sequence[str]) -> Handover:
    """Read the answers to what went ahead.  Raises TryLater, the line closed, when the server has lost its place."""
    handover = Handover.of([line.answer() for _ in (*commands, "DATA")])
    line.expect_silence()
    if not handover.smooth and (handover.never_begun or handover.out_of_order):
        raise line.unexpected()
    return handover


def one_by_one(line: SmtpLine, commands: Sequence[str]) -> Handover:
    """Say each when the one before is answered, DATA only where somebody is to get the mail."""
    mail = line.ask(commands[0])
    if not mail.good:
        return Handover(mail)
    recipients = tuple(line.ask(command) for command in commands[1:])
    return Handover(mail, recipients, line.ask("DATA") if any(each.good for each in recipients) else None)
