"""Show what a run did to a person: messages, e-mails, mailboxes, counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from email_router.cli.output import table


def show(told: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Print the object of a run as tables; `names` gives the subject of each activity that a message may continue."""
    cases = any(one["case"] for one in (*told["messages"], *told["outgoing"]))
    table("Messages", ("mailbox", "subject", "verdict", "why", "record", *(["shows"] * cases)), (_message(one, names, cases) for one in told["messages"]))
    table("E-mails sent", ("from", "to", "subject", "status", "how", *(["shows"] * cases)), (_outgoing(one, cases) for one in told["outgoing"]))
    table("Mailboxes", ("address", "status", "messages", "what to do"), (_mailbox(one) for one in told["mailboxes"]))
    table("Counters (the others are 0)", ("counter", "value"), ((name, value) for name, value in told["counters"].items() if value))


def _message(one: Mapping[str, Any], names: Mapping[str, str], cases: bool) -> tuple[object, ...]:
    why = one["rule"] if one["correlation_method"] != "none" else f"{one['rule']}: {one['reason']}" if one["rule"] != one["reason"] else one["reason"]
    regarding = f"{one['regarding']['kind']} {one['regarding']['name']}" if one["regarding"] else ""
    continues = names.get(one["correlated"] or "", "")
    record = " <- ".join(filter(None, (regarding, continues and f"{continues!r}"))) or (one["activity"] and "new activity")
    also = [address for address in one["receipts"] if address != one["mailbox"]]
    verdict = one["verdict"] + (f" (also in {', '.join(also)})" if also else "")
    return (one["mailbox"], _short(one["subject"]) or one["source_id"], verdict, why, record, *([one["case"]] * cases))


def _outgoing(one: Mapping[str, Any], cases: bool) -> tuple[object, ...]:
    how = f"{one['sender']}, attempt {one['attempts']}" + (f": {one['reason']}" if one["reason"] else "")
    return (one["from"], ", ".join(one["to"]), one["subject"], one["status"], how, *([one["case"]] * cases))


def _mailbox(one: Mapping[str, Any]) -> tuple[object, ...]:
    error = one["error"]
    return one["address"], one["status"], one["fetched"], f"{error['text']} {error['mend']}".strip() if error else ""


def _short(subject: str) -> str:
    return subject if len(subject) <= 50 else subject[:49] + "…"
