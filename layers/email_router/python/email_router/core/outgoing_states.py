"""The port by which the truth about each outgoing e-mail is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from email_router.core.activity import EmailStatus
from email_router.core.ledger import Link
from email_router.core.sending import OutgoingState, RecipientResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A composed e-mail: its first state, its ways back, and its packed bytes where they lie beside the state (core/packed.py)."""

    state: OutgoingState
    packed: bytes = field(default=b"", repr=False)
    links: tuple[Link, ...] = ()


class OutgoingStates(Protocol):
    """The state of each outgoing e-mail of one organisation: the truth about what was tried.

    `request` is the id of the function's invocation, or tells who did it by hand; it is kept with the transition.
    """

    def get(self, activity: str) -> OutgoingState | None:
        """Return the state, strongly consistent, or None for an e-mail never taken up."""

    def several(self, activities: Sequence[str]) -> Mapping[str, OutgoingState]:
        """Return the states of these e-mails in one batch, strongly consistent; one never taken up is absent."""

    def prepare(self, state: OutgoingState) -> OutgoingState:
        """Write the state of one e-mail whose bytes and ways back stand already; return the one that stands."""

    def prepare_all(self, prepared: Sequence[Prepared]) -> Mapping[str, OutgoingState]:
        """Write the states of these e-mails, each with its bytes and ways back, or not at all where a state stands; return what stands.

        A way back that a newer e-mail holds is passed over.
        """

    def packed(self, activity: str) -> bytes:
        """Return the packed bytes of an e-mail that were written beside its state; KeyError when there are none."""

    def claim(self, activity: str, now: datetime, request: str) -> OutgoingState | None:
        """Turn pending or due deferred into sending with the next attempt and fencing token; None when it is not to be sent now.

        Of a long history the middle is dropped (MOST_HISTORY).
        """

    def settle(
        self,
        state: OutgoingState,
        status: EmailStatus,
        now: datetime,
        *,
        evidence: str,
        due: datetime | None = None,
        provider_id: str | None = None,
        results: Sequence[RecipientResult] | None = None,
        attempts: int | None = None,
        request: str = "",
        links: Sequence[Link] = (),
    ) -> bool:
        """Turn sending into what became of it, on condition of the fencing token; False when the token has moved on.

        With `results` it is False, too, when anything was written since the state was read: what was reported would be overwritten.
        Where `results` or `attempts` is None, what stands of it stays.  `links` from ids that the provider gave are written with it.
        """

    def keep_draft(self, state: OutgoingState, draft: str) -> bool:
        """Keep the id of the draft that the provider holds; False when the fencing token has moved on."""

    def report(self, activity: str, status: EmailStatus, now: datetime, *, evidence: str, request: str = "") -> bool:
        """Note what was learned afterwards (a bounce, a delivery): failed wins over sent; False when nothing changed."""

    def note(
        self,
        state: OutgoingState,
        status: EmailStatus,
        now: datetime,
        *,
        evidence: str,
        results: Sequence[RecipientResult],
        reason: str | None = None,
        request: str = "",
    ) -> bool:
        """Write what was reported of the recipients; False when the state is no longer as it was read.

        `reason` is what the state says of itself then, the evidence where it is None.
        """

    def reopen(
        self,
        state: OutgoingState,
        now: datetime,
        *,
        evidence: str,
        results: Sequence[RecipientResult],
        request: str = "",
    ) -> bool:
        """Turn an e-mail that came to rest into pending, due at once, its attempts begun anew; False when it is no longer as it was read.

        The fencing token moves on, so that no worker of before can settle it; a draft of before is forgotten.
        """

    def all(self) -> Sequence[OutgoingState]:
        """Return all, newest first.  For operators."""
