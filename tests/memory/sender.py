"""A way out that keeps what it is given and answers as it is told."""

from __future__ import annotations

from enum import StrEnum

from email_router.core.octets import Octets
from email_router.core.sending import Envelope, SendOutcome, SendResult


class MemorySender:
    """Accepts everything unless `answers` holds another result or an error for the next sends."""

    kind = "memory"

    def __init__(self) -> None:
        self.sent: list[tuple[Envelope, bytes]] = []
        self.answers: list[SendResult | BaseException] = []
        self.announced: list[tuple[str, str]] = []
        self._following = ""
        self.opened = 0
        self.closed = 0

    def announce(self, envelope: Envelope, composed: Octets) -> None:
        """Remember which mail is said to follow the next one."""
        assert composed
        self._following = envelope.activity

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Keep the mail, and in `announced` which one is said to follow; answer the next of `answers`, else that it was accepted."""
        self.announced.append((envelope.activity, self._following))
        self._following = ""
        answer = self.answers.pop(0) if self.answers else SendResult(outcome=SendOutcome.ACCEPTED, evidence="250 ok")
        if isinstance(answer, BaseException):
            raise answer
        self.sent.append((envelope, composed[:]))
        return answer

    def close(self) -> None:
        """Count the farewells."""
        self.closed += 1


class Lost(StrEnum):
    """What a send without an answer did."""

    LEFT = "the mail left"
    STAYED = "the mail stayed a draft"


class MemoryDraftingSender(MemorySender):
    """A way out that drafts first; the next sends lose their answers as `losing` says.  `drafts` holds the mail of each draft ever made."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: dict[str, bytes] = {}
        self.left: set[str] = set()
        self.withdrawn: set[str] = set()
        self.losing: list[Lost] = []
        self.refusing: SendResult | None = None

    def draft(self, envelope: Envelope, composed: Octets) -> str:
        """Make a draft."""
        made = f"draft-{len(self.drafts) + 1}-{envelope.activity}"
        self.drafts[made] = composed[:]
        return made

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Send the draft unless it has left already."""
        if envelope.draft in self.left:
            return SendResult(outcome=SendOutcome.ACCEPTED, evidence="found in Sent Items")
        if self.refusing is not None:
            return self.refusing
        lost = self.losing.pop(0) if self.losing else None
        if lost is not Lost.STAYED:
            super().send(envelope, composed)
            self.left.add(envelope.draft)
        if lost is not None:
            return SendResult(outcome=SendOutcome.UNKNOWN, evidence="no answer", after=300)
        return SendResult(outcome=SendOutcome.ACCEPTED, evidence="taken")

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Take the draft away unless it has left."""
        if envelope.draft in self.left:
            return SendResult(outcome=SendOutcome.ACCEPTED, evidence="found in Sent Items")
        self.withdrawn.add(envelope.draft)
        return None
