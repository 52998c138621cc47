"""Remember in memory where each outgoing e-mail stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from email_router.core.activity import EmailStatus
from email_router.core.ledger import Link
from email_router.core.outgoing_states import Prepared
from email_router.core.sending import (
    BEGUN,
    FIRST_HISTORY,
    MOST_HISTORY,
    HistoryEntry,
    OutgoingState,
    RecipientResult,
)
from tests.memory.ledger import MemoryLedger

_WAITING = (EmailStatus.PENDING, EmailStatus.DEFERRED)
_OVERTAKEN = {
    EmailStatus.FAILED: (EmailStatus.SENT, EmailStatus.UNKNOWN, EmailStatus.SENDING),
    EmailStatus.SENT: (EmailStatus.UNKNOWN, EmailStatus.SENDING),
}


class MemoryOutgoingStates:
    """The states of one organisation's outgoing e-mails."""

    def __init__(self, ledger: MemoryLedger | None = None) -> None:
        self._ledger = ledger or MemoryLedger()
        self._states: dict[str, OutgoingState] = {}
        self.beside: dict[str, bytes] = {}

    def get(self, activity: str) -> OutgoingState | None:
        """Return the state, or None."""
        return self._states.get(activity)

    def several(self, activities: Sequence[str]) -> Mapping[str, OutgoingState]:
        """Return the states of those that were taken up."""
        return {one: self._states[one] for one in activities if one in self._states}

    def prepare(self, state: OutgoingState) -> OutgoingState:
        """Write the state if there is none yet; return the one that stands."""
        return self._states.setdefault(state.activity, state)

    def prepare_all(self, prepared: Sequence[Prepared]) -> dict[str, OutgoingState]:
        """Write those of which no state stands."""
        for one in prepared:
            if one.state.activity not in self._states:
                self._states[one.state.activity] = one.state
                self._ledger.link(one.links)
                if one.packed:
                    self.beside[one.state.activity] = one.packed
        return {one.state.activity: self._states[one.state.activity] for one in prepared}

    def packed(self, activity: str) -> bytes:
        """Return the bytes that lie beside a state."""
        return self.beside[activity]

    def claim(self, activity: str, now: datetime, request: str) -> OutgoingState | None:
        """Begin the next attempt, or return None."""
        state = self._states.get(activity)
        if state is None or state.status not in _WAITING or (state.due is not None and state.due > now):
            return None
        begun = replace(
            state, status=EmailStatus.SENDING, attempts=state.attempts + 1, token=state.token + 1, changed=now, due=None
        )
        noted = self._note(begun, HistoryEntry(now, EmailStatus.SENDING, BEGUN, request))
        self._shorten(activity)
        return noted

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
        """Turn the state into what became of it, unless it has moved on."""
        stands = self._states.get(state.activity)
        if stands is None or stands.token != state.token or stands.status not in (state.status, status):
            return False
        if results is not None and len(stands.history) != len(state.history):
            return False
        settled = replace(
            stands, status=status, changed=now, due=due, reason=evidence, provider_id=provider_id or stands.provider_id
        )
        settled = replace(
            settled,
            results=stands.results if results is None else tuple(results),
            attempts=stands.attempts if attempts is None else attempts,
        )
        self._note(settled, HistoryEntry(now, status, evidence, request))
        self._ledger.link(links)
        return True

    def keep_draft(self, state: OutgoingState, draft: str) -> bool:
        """Keep the draft's id, unless the state has moved on."""
        stands = self._states.get(state.activity)
        if stands is None or stands.token != state.token:
            return False
        self._states[state.activity] = replace(stands, draft=draft)
        return True

    def report(self, activity: str, status: EmailStatus, now: datetime, *, evidence: str, request: str = "") -> bool:
        """Note what was learned afterwards."""
        state = self._states.get(activity)
        if state is None or state.status not in _OVERTAKEN.get(status, ()):
            return False
        entry = HistoryEntry(now, status, evidence, request)
        self._note(replace(state, status=status, changed=now, reason=evidence), entry)
        return True

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
        """Write what was reported, unless the state has changed."""
        said = evidence if reason is None else reason
        noted = replace(state, status=status, changed=now, reason=said, results=tuple(results))
        if not self._turn(state, noted, request, evidence):
            return False
        self._shorten(state.activity)
        return True

    def reopen(
        self,
        state: OutgoingState,
        now: datetime,
        *,
        evidence: str,
        results: Sequence[RecipientResult],
        request: str = "",
    ) -> bool:
        """Let an e-mail wait again, unless the state has changed."""
        again = replace(state, status=EmailStatus.PENDING, changed=now, reason=evidence, results=tuple(results))
        again = replace(again, attempts=1, token=state.token + 1, due=None, draft="")
        return self._turn(state, again, request)

    def all(self) -> Sequence[OutgoingState]:
        """Return all, newest first."""
        return list(reversed(self._states.values()))

    def _note(self, state: OutgoingState, entry: HistoryEntry) -> OutgoingState:
        self._states[state.activity] = replace(state, history=(*state.history, entry))
        return self._states[state.activity]

    def _shorten(self, activity: str) -> None:
        """Drop the middle of a long history."""
        noted = self._states[activity]
        if len(noted.history) > MOST_HISTORY:
            latest = noted.history[FIRST_HISTORY - MOST_HISTORY :]
            self._states[activity] = replace(noted, history=(*noted.history[:FIRST_HISTORY], *latest))

    def _turn(self, read: OutgoingState, turned: OutgoingState, request: str, evidence: str | None = None) -> bool:
        """Write what a state that was read turns into, if it still stands."""
        if self._states.get(read.activity) != read:
            return False
        said = turned.reason or "" if evidence is None else evidence
        self._note(turned, HistoryEntry(turned.changed, turned.status, said, request))
        return True
