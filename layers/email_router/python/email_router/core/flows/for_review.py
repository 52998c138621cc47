"""Tell a person of mail whose sender took no part in the conversation that it names: one alert for each sender, however much he writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from email_router.core.alerts import Alert
from email_router.core.flows.incoming import Decision
from email_router.core.matching import MARKED
from email_router.core.message import Message

_LONGEST_NAMED = 200  # characters of a Message-ID; a longer one is named by its message's key
_LONGEST_ADDRESS = 320
_NOBODY = "a sender who cannot be read"


def for_review(decisions: Iterable[Decision], now: datetime) -> list[Alert]:
    """Return an alert for each sender of a page's marked messages, the first message in words and all of them by name."""
    alerts: dict[str, Alert] = {}
    for decision in decisions:
        if not any(one.answer == MARKED for one in decision.answers):
            continue
        alert = _alert(decision, now)
        first = alerts.setdefault(alert.id, alert)
        alerts[alert.id] = replace(first, messages=tuple(dict.fromkeys((*first.messages, *alert.messages))))
    return list(alerts.values())


def _alert(decision: Decision, now: datetime) -> Alert:
    seen = next(one for one in decision.answers if one.answer == MARKED)
    message = decision.draft.message
    became = (
        f"became activity {decision.activity}" if decision.delivers else f"was not tracked ({decision.verdict.reason})"
    )
    named = message.message_id if len(message.message_id or "") <= _LONGEST_NAMED else None
    return Alert(
        kind="for_review",
        about=_sender(message),
        text=f"{decision.draft.mailbox.address}: a message was linked to no conversation ({seen.question}: {seen.evidence}); it {became}",
        mend=f"Look at `email-router explain {named or decision.key}`: is the sender who he says, and does it belong there?",
        at=now,
        messages=(named or decision.key,),
    )


def _sender(message: Message) -> str:
    return message.author.key[:_LONGEST_ADDRESS] if message.author else _NOBODY
