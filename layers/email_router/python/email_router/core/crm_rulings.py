"""What a CRM that decides by itself is asked of a message, and what it answers.

Such a CRM says whether a mailbox's mail is wanted, and matches what it takes; the router keeps its answer as the message's reason code.
"""

from __future__ import annotations

from dataclasses import dataclass

from email_router.core.case import Verdict
from email_router.core.dedupe import message_key, normalised_id
from email_router.core.ledger import Outcome
from email_router.core.message import Message

DECIDES = "crm_decides"
"""The question that takes the place of matching and acceptance in a trace."""

MATCHES = "crm_matches"
"""The answer in a trace that tells what the CRM made of a message it took."""

MATCHED_THERE = "the CRM matches it itself"
DUPLICATE = "duplicate"

_LONGEST_ID = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A message as one mailbox offers it; `sender` is the From address, or the field as it stands where it names nobody for sure."""

    message_id: str
    subject: str
    sender: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """The CRM's answer: whether it wants the message, and its reason code in the router's words."""

    wanted: bool
    reason: str
    evidence: str = ""

    @property
    def verdict(self) -> Verdict:
        """What becomes of the message.  One that the CRM has already is delivered: the mailbox's receipt leads to the e-mail there."""
        delivered = self.wanted or self.reason == DUPLICATE
        return Verdict(Outcome.DELIVERED if delivered else Outcome.IGNORED, self.reason, self.evidence)


def id_there(key: str, message_id: str | None) -> str:
    """Return the Message-ID by which a CRM knows the message of this key (at most 320 characters): its own, or one made of the key.

    The latter where it has none that is well-formed, where that is too long, and where another message bears it: always the same.
    """
    own = normalised_id(message_id)
    if own and len(own) <= _LONGEST_ID and message_key(Message(size=0, message_id=own), "incoming").key == key:
        return own
    return made_id(key)


def made_id(key: str) -> str:
    """Return the Message-ID that is made of a message's key; nobody else makes it (RFC 2606: .invalid is nobody's domain)."""
    return f"<{key}@email-router.invalid>"
