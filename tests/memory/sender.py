"""A way out that keeps what it is given and answers as it is told."""

from __future__ import annotations

from email_router.core.sending import Envelope, SendOutcome, SendResult


class MemorySender:
    """Accepts everything unless `answers` holds another result or an error for the next sends."""

    kind = "memory"

    def __init__(self) -> None:
        self.sent: list[tuple[Envelope, bytes]] = []
        self.answers: list[SendResult | BaseException] = []
        self.opened = 0
        self.closed = 0

    def send(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Keep the mail; answer the next of `answers`, else that it was accepted."""
        answer = self.answers.pop(0) if self.answers else SendResult(outcome=SendOutcome.ACCEPTED, evidence="250 ok")
        if isinstance(answer, BaseException):
            raise answer
        self.sent.append((envelope, composed))
        return answer

    def close(self) -> None:
        """Count the farewells."""
        self.closed += 1
