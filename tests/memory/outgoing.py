"""Remember in memory where each outgoing e-mail stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from email_router.core.activity import EmailStatus
from email_router.core.sending import HistoryEntry, OutgoingState

_WAITING = (EmailStatus.PENDING, EmailStatus.DEFERRED)
_OVERTAKEN = {
    EmailStatus.FAILED: (EmailStatus.SENT, EmailStatus.UNKNOWN, EmailStatus.SENDING),
    EmailStatus.SENT: (EmailStatus.UNKNOWN, EmailStatus.SENDING),
}


class MemoryOutgoingStates:
    """The states of one organisation's outgoing e-mails."""

    def __init__(self) -> None:
        self._states: dict[str, OutgoingState] = {}

    def get(self, activity: str) -> OutgoingState | None:
        """Return the state, or None."""
        return self._states.get(activity)

    def prepare(self, state: OutgoingState) -> OutgoingState:
        """Write the state if there is none yet; return the one that stands."""
        return self._states.setdefault(state.activity, state)

    def claim(self, activity: str, now: datetime, request: str) -> OutgoingState | None:
        """Begin the next attempt, or return None."""
        state = self._states.get(activity)
        if state is None or state.status not in _WAITING or (state.due is not None and state.due > now):
            return None
        begun = replace(
            state, status=EmailStatus.SENDING, attempts=state.attempts + 1, token=state.token + 1, changed=now, due=None
        )
        return self._note(begun, HistoryEntry(now, EmailStatus.SENDING, request=request))

    def settle(
        self,
        state: OutgoingState,
        status: EmailStatus,
        now: datetime,
        *,
        evidence: str,
        due: datetime | None = None,
        provider_id: str | None = None,
    ) -> bool:
        """Turn the state into what became of it, unless it has moved on."""
        stands = self._states.get(state.activity)
        if stands is None or stands.token != state.token or stands.status not in (state.status, status):
            return False
        settled = replace(
            stands, status=status, changed=now, due=due, reason=evidence, provider_id=provider_id or stands.provider_id
        )
        self._note(settled, HistoryEntry(now, status, evidence))
        return True

    def keep_draft(self, state: OutgoingState, draft: str) -> bool:
        """Keep the draft's id, unless the state has moved on."""
        stands = self._states.get(state.activity)
        if stands is None or stands.token != state.token:
            return False
        self._states[state.activity] = replace(stands, draft=draft)
        return True

    def report(self, activity: str, status: EmailStatus, now: datetime, *, evidence: str) -> bool:
        """Note what was learned afterwards."""
        state = self._states.get(activity)
        if state is None or state.status not in _OVERTAKEN.get(status, ()):
            return False
        self._note(replace(state, status=status, changed=now, reason=evidence), HistoryEntry(now, status, evidence))
        return True

    def all(self) -> Sequence[OutgoingState]:
        """Return all, newest first."""
        return list(reversed(self._states.values()))

    def _note(self, state: OutgoingState, entry: HistoryEntry) -> OutgoingState:
        self._states[state.activity] = replace(state, history=(*state.history, entry))
        return self._states[state.activity]
