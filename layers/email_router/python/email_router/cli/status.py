"""`email-router status`: how each mailbox stands, and which circuits are open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from email_router.cli.backend import opened
from email_router.cli.dead_letters import dead_letters
from email_router.cli.embedded.deployment import STACK
from email_router.cli.followed import followed_shape, tell_followed
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.place import Place
from email_router.cli.shapes import instant
from email_router.core.circuits import Circuit, members
from email_router.core.flows.schedule import interval
from email_router.core.flows.subscriptions import wants_push, watchable
from email_router.core.mailbox import Direction, Mailbox
from email_router.core.mailbox_state import MailboxState
from email_router.core.settings import Configuration
from email_router.core.subscriptions import Subscription
from email_router.core.work import ScheduledMailbox
from email_router.wiring.clock import CLOCK
from email_router.wiring.observe import mailbox_digest

_CIRCUIT_TITLES = ("place", "circuit", "since", "last failure", "mailboxes", "what to do")
_TITLES = ("address", "in logs", "status", "last pass", "last mail", "mail is told by", "what to do")


def status(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """Show how each mailbox stands; exit code 1 when one is in error."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        read = [box for box in place.configuration.mailboxes if box.incoming]
        rows = place.services.subscriptions(place.name).read_all(watchable(place.configuration))
        told = [_standing(place, box, rows.get(box.key)) for box in read]
        waiting = len(place.quarantine.entries())
        standing = place.services.circuits(place.name).all_open()
        circuits = [circuit_status(place.configuration, one) for one in standing]
        followed = followed_shape(place.configuration, place.followed)
        given_up = dead_letters(place.services.clients.sqs, stack or STACK)
    if json:
        print_json(
            {
                "mailboxes": told,
                "circuits": circuits,
                "undeliverable": waiting,
                "dead_letters": given_up,
                "followed": followed,
            }
        )
    else:
        tell_followed(followed)
        table("Circuits", _CIRCUIT_TITLES, map(_circuit_row, circuits))
        table("Mailboxes", _TITLES, map(_row, told))
        table("Needs a person", ("what", "how many", "what to do"), _for_a_person(waiting, given_up))
    if any(one["status"] == "error" for one in told):
        raise typer.Exit(1)


def _for_a_person(undeliverable: int, given_up: Mapping[str, int] | None) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    if undeliverable:
        rows.append(("undeliverable messages", undeliverable, "see `email-router undeliverable list`"))
    if given_up is None:
        rows.append(("dead letters", "not known", "your credentials lack sqs:ListQueues or sqs:GetQueueAttributes"))
    for name, count in (given_up or {}).items():
        rows.append((f"orders in {name}", count, "see the alarms in docs/deploying.md"))
    return rows


def _standing(place: Place, mailbox: Mailbox, subscription: Subscription | None) -> dict[str, Any]:
    found = place.states.read(mailbox.key)
    return {
        **mailbox_status(mailbox, found),
        "approved": mailbox.approved,
        "told": how_told(place.configuration, found, subscription),
    }


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
        "disabled_since": instant(state.disabled),
        "error": error,
    }


def circuit_status(configuration: Configuration, circuit: Circuit) -> dict[str, object]:
    """Return a circuit as JSON values; `open` is false of one that lapsed, since nobody has failed there lately."""
    return {
        "place": circuit.place,
        "open": circuit.is_open(CLOCK.now()),
        "since": instant(circuit.opened),
        "last_failure": instant(circuit.failed),
        "mailboxes": len(members(configuration, circuit.place)),
        "error": {"kind": circuit.kind, "text": circuit.text, "mend": circuit.mend},
    }


def _circuit_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    state = "open: one mailbox a minute is tried" if one["open"] else "lapsed: all are tried"
    why = f"{one['error']['text']} {one['error']['mend']}".strip()
    return one["place"], state, one["since"], one["last_failure"], one["mailboxes"], why


def how_told(configuration: Configuration, state: MailboxState, subscription: Subscription | None) -> dict[str, object]:
    """Return how the router learns of a mailbox's news as JSON values: until when it is notified, and each how many seconds it looks."""
    now = CLOCK.now()
    box = configuration.mailbox(state.mailbox)
    profile = configuration.profile(box.incoming, Direction.INCOMING) if box else None
    lives = subscription is not None and subscription.lives(now) and wants_push(profile)
    until = subscription.expires if subscription and lives else None
    known = ScheduledMailbox(
        organisation=configuration.organisation,
        mailbox=state.mailbox,
        last_mail=state.last_mail,
        minimum_interval=profile.minimum_polling_interval if profile else 0,
        maximum_interval=profile.maximum_polling_interval if profile else 0,
        pushed_until=until,
        failing=bool(state.error_kind),
    )
    return {"push_until": instant(until), "polled_every": interval(known, now)}


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    told = one["told"]
    polled = f"polled every {told['polled_every']} s"
    how = f"push until {told['push_until']}, {polled}" if told["push_until"] else polled
    standing = f"disabled since {one['disabled_since']}" if one.get("disabled_since") else one["status"]
    return one["address"], one["digest"], standing, one["last_pass"], one["last_mail"], how, _why(one)


def _why(one: Mapping[str, Any]) -> str:
    error = one["error"]
    if isinstance(error, dict):
        return f"{error['text']} {error['mend']}".strip()
    return "" if one.get("approved", True) else "not served: its address is not approved"
