"""What an SMTP server said at each step of one mail, each answer with the command that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.edge.connect.smtp_answer import Answer

# Reply codes of RFC 5321 4.2.3 by what they let the client do.
SEND_MAIL, _OUT_OF_ORDER = 354, 503
_DONE, _GO_ON, _REFUSALS = 2, 3, (4, 5)
"""First digits of reply codes: 2yz, 3yz, 4yz and 5yz (RFC 5321 4.2.1)."""


class Handover(NamedTuple):
    """What the server said at each step; None where the step was not reached.

    `final` is its answer to the final dot, `broken` says how the line broke while that answer was awaited.
    """

    mail: Answer
    recipients: tuple[Answer, ...] = ()
    data: Answer | None = None
    final: Answer | None = None
    broken: str = ""

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Handover:
        """Return the answers to MAIL, each RCPT and DATA, which have the order of the commands (RFC 2920 3.1)."""
        return cls(answers[0], tuple(answers[1:-1]), answers[-1])

    @property
    def smooth(self) -> bool:
        """Tell whether every answer to the envelope is the one that was hoped for, as nearly always."""
        for each in self.recipients:
            if each.code // 100 != _DONE:
                return False
        return self.mail.good and self.waits and bool(self.recipients)

    @property
    def waits(self) -> bool:
        """Tell whether the server waits for the text, for whomever."""
        return self.data is not None and self.data.code == SEND_MAIL

    @property
    def wanted(self) -> bool:
        """Tell whether anybody is to get the mail."""
        return self.mail.good and any(each.good for each in self.recipients)

    @property
    def out_of_order(self) -> bool:
        """Tell whether the server has lost its place: a command was out of order for it that was not."""
        told = (*self.recipients, self.data) if self.wanted else self.recipients
        return self.mail.good and any(each is not None and each.code == _OUT_OF_ORDER for each in told)

    @property
    def never_begun(self) -> bool:
        """Tell whether MAIL itself was out of order."""
        return self.mail.code == _OUT_OF_ORDER

    @property
    def makes_no_sense(self) -> bool:
        """Tell whether an answer to the envelope is none that its command can have."""
        return any(senseless(each) for each in (self.mail, *self.recipients)) or senseless(self.data, _GO_ON)


def senseless(answer: Answer | None, go_on: int = _DONE) -> bool:
    """Tell whether a code is none that the command can have (RFC 5321 4.3.2); `go_on` is the first digit of the one that it hopes for."""
    return answer is not None and answer.code // 100 not in {go_on, *_REFUSALS}
