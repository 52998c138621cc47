"""`email-router status`: how each mailbox stands."""

from __future__ import annotations

import typer

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.shapes import instant
from email_router.core.mailbox import Mailbox
from email_router.core.mailbox_state import MailboxState
from email_router.wiring.observe import mailbox_digest


def status(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """Show how each mailbox stands; exit code 1 when one is in error."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        told = [
            mailbox_status(box, place.states.read(box.key)) for box in place.configuration.mailboxes if box.incoming
        ]
        waiting = len(place.quarantine.entries())
    if json:
        print_json({"mailboxes": told, "undeliverable": waiting})
    else:
        rows = (
            (one["address"], one["digest"], one["status"], one["last_pass"], one["last_mail"], _why(one["error"]))
            for one in told
        )
        table("Mailboxes", ("address", "in logs", "status", "last pass", "last mail", "what to do"), rows)
        table("Needs a person", ("undeliverable messages",), [(waiting,)] if waiting else [])
    if any(one["status"] == "error" for one in told):
        raise typer.Exit(1)


def mailbox_status(mailbox: Mailbox, state: MailboxState) -> dict[str, object]:
    """Return one mailbox's standing as JSON values."""
    error = {"kind": state.error_kind, "text": state.error_text, "mend": state.error_mend} if state.error_kind else None
    return {
        "address": mailbox.address,
        "digest": mailbox_digest(mailbox.key),
        "status": "error" if error else "ok" if state.last_pass else "idle",
        "last_pass": instant(state.last_pass),
        "last_mail": instant(state.last_mail),
        "failures": state.failures,
        "blocked_until": instant(state.blocked_until),
        "error": error,
    }


def _why(error: object) -> str:
    return f"{error['text']} {error['mend']}".strip() if isinstance(error, dict) else ""
