"""Show what a run did to a person: messages, e-mails, mailboxes, counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from email_router.cli.output import table
from email_router.cli.run.report import Told

_SUBJECT = 50


def show(run: Told) -> None:
    """Print what is told of a run as tables."""
    told = run.json
    names = {one["activity"]: one["subject"] for one in (*told["messages"], *told["outgoing"])}
    cases = any(one["case"] for one in (*told["messages"], *told["outgoing"]))
    table(
        "Messages",
        ("mailbox", "subject", "verdict", "why", "record", *(["shows"] * cases)),
        (_message(one, names, run.senders, cases=cases) for one in told["messages"]),
    )
    table(
        "E-mails sent",
        ("from", "to", "subject", "status", "how", *(["shows"] * cases)),
        (_outgoing(one, cases=cases) for one in told["outgoing"]),
    )
    table("Mailboxes", ("address", "status", "messages", "what to do"), (_mailbox(one) for one in told["mailboxes"]))
    table(
        "Counters (the others are 0)",
        ("counter", "value"),
        ((name, value) for name, value in told["counters"].items() if value),
    )


def _message(
    one: Mapping[str, Any], names: Mapping[str, str], senders: Mapping[str, str], *, cases: bool
) -> tuple[object, ...]:
    also = [address for address in one["receipts"] if address != one["mailbox"]]
    verdict = one["verdict"] + (f" (also in {', '.join(also)})" if also else "")
    shown = _short(one["subject"]) or one["source_id"]
    return (one["mailbox"], shown, verdict, _why(one), _record(one, names, senders), *([one["case"]] * cases))


def _why(one: Mapping[str, Any]) -> str:
    """The rule that matched, or the question that answered; the reason where it says more."""
    return one["reason"] if one["rule"] in {"", one["reason"]} else f"{one['rule']} ({one['reason']})"


def _record(one: Mapping[str, Any], names: Mapping[str, str], senders: Mapping[str, str]) -> str:
    """What the message is about, and the e-mail that it continues."""
    regarding = f"{one['regarding']['kind']} {one['regarding']['name']}" if one["regarding"] else ""
    continues = names.get(one["correlated"] or "", "")
    told = ", ".join(filter(None, (regarding, continues and f"continues {_short(continues)!r}")))
    if told or one["verdict"] != "delivered":
        return told
    sender = senders.get(one["activity"], "")
    return f"new, of {sender}" if sender else "new, of nobody known"


def _outgoing(one: Mapping[str, Any], *, cases: bool) -> tuple[object, ...]:
    how = f"{one['sender']}, attempt {one['attempts']}" + (f": {one['reason']}" if one["reason"] else "")
    return (one["from"], ", ".join(one["to"]), one["subject"], one["status"], how, *([one["case"]] * cases))


def _mailbox(one: Mapping[str, Any]) -> tuple[object, ...]:
    error = one["error"]
    return one["address"], one["status"], one["fetched"], f"{error['text']} {error['mend']}".strip() if error else ""


def _short(subject: str) -> str:
    return subject if len(subject) <= _SUBJECT else subject[: _SUBJECT - 1] + "…"
