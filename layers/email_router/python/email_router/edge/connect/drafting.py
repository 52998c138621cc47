"""The life of a draft at Exchange, online or not: made and kept, sent at once by whoever made it, looked after by everybody else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from email_router.core.errors import MessageRefused
from email_router.core.sending import SendOutcome, SendResult
from email_router.core.wire import mail_address

if TYPE_CHECKING:
    from email_router.core.octets import Octets
    from email_router.core.sending import Envelope

SETTLES_AFTER = 300.0
"""Seconds after which Sent Items tells what became of a send that was not answered."""

NOWHERE = SendResult(
    outcome=SendOutcome.UNKNOWN,
    evidence="what was drafted is neither among the drafts nor in Sent Items: somebody moved or deleted it",
)
_MOST_RECIPIENTS = 500


class _Draft(Protocol):
    @property
    def id(self) -> str: ...


D = TypeVar("D", bound=_Draft)


class ExchangeSender(ABC, Generic[D]):
    """A sender that drafts before it sends; `server` is the name that people know the other side by."""

    server: str

    def __init__(self) -> None:
        self._made: dict[str, D] = {}

    def draft(self, envelope: Envelope, composed: Octets) -> str:
        """Make the draft and return its id.  Raises MessageRefused where the server takes no such mail."""
        self._check(envelope)
        made = self._make(envelope, composed)
        self._made[made.id] = made
        return made.id

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Send the draft of the envelope, once; one that was sent before is found and not sent again."""
        if not envelope.draft:
            return self._send_new(envelope, composed)
        made = self._made.pop(envelope.draft, None)
        return self._send(made, envelope) if made is not None else self._send_found(envelope)

    @abstractmethod
    def _make(self, envelope: Envelope, composed: Octets) -> D:
        """Make the draft, once what an attempt before has lost is removed."""

    @abstractmethod
    def _send(self, draft: D, envelope: Envelope) -> SendResult:
        """Send a draft that certainly waits."""

    @abstractmethod
    def _send_found(self, envelope: Envelope) -> SendResult:
        """Look what has become of the draft, and send it if it still waits."""

    def _send_new(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Draft and send where nobody keeps drafts."""
        try:
            made = self._made.pop(self.draft(envelope, composed))
        except MessageRefused as refusal:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=str(refusal))
        return self._send(made, envelope)

    def _check(self, envelope: Envelope) -> None:
        if not 0 < len(envelope.recipients) <= _MOST_RECIPIENTS:
            raise MessageRefused(
                f"{len(envelope.recipients)} recipients, and {self.server} takes 1 to {_MOST_RECIPIENTS}",
                kind="recipients",
                mend="Split the e-mail.",
            )
        for one in envelope.recipients:
            mail_address(one)


def left_open(evidence: str) -> SendResult:
    """Return that nobody knows yet what became of a send; Sent Items will tell."""
    return SendResult(outcome=SendOutcome.UNKNOWN, evidence=evidence, after=SETTLES_AFTER)
