"""`email-router set-password`: one mailbox's own password, encrypted; never an argument, never shown."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened_for_change
from email_router.cli.choosing import configured
from email_router.cli.kept_passwords import KeptPasswords
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json
from email_router.cli.place import Place
from email_router.core.errors import ConfigurationError
from email_router.core.mailbox import Direction, Mailbox, Profile

_WHOLE = 64 * 1024
Remove = Annotated[
    bool, typer.Option("--remove", help="Take the mailbox's own password off: its profile's holds again.")
]


def set_password(
    mailbox: Annotated[str, typer.Argument(metavar="MAILBOX", help="The mailbox's address.")],
    *,
    remove: Remove = False,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Set one mailbox's own password, asked for without echo or read from standard input; it comes before its profile's credentials."""
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        box = configured(place.configuration, mailbox)
        known = _removed(place, box, None if stack else state) if remove else _set(place, box, None if stack else state)
        backend.save()
    _tell(box.address, remove=remove, known=known, json=json)


def _set(place: Place, box: Mailbox, folder: Path | None) -> bool:
    """Keep the password, and lift the mailbox's block, so that it is tried with the next poll."""
    if not any(profile.takes_own_passwords for profile in _profiles(place, box)):
        raise ConfigurationError(
            f"{box.address}: expected a profile by which the mailbox logs in as itself with a password (pop3, imap, smtp, exchange; "
            "no username); none of its profiles does"
        )
    password = _asked(box.address)
    place.services.mailbox_passwords(place.name).put(box.key, password)
    if folder is not None:
        KeptPasswords(folder, place.name).put(box.key, password)
    profile = place.configuration.profile(box.incoming, Direction.INCOMING)
    if profile is not None:
        states = place.services.states(place.name)
        states.schedule(box.key, profile.minimum_polling_interval, profile.maximum_polling_interval)
    return True


def _removed(place: Place, box: Mailbox, folder: Path | None) -> bool:
    in_folder = folder is not None and KeptPasswords(folder, place.name).remove(box.key)
    return place.services.mailbox_passwords(place.name).remove(box.key) or in_folder


def _profiles(place: Place, box: Mailbox) -> list[Profile]:
    named = ((box.incoming, Direction.INCOMING), (box.outgoing, Direction.OUTGOING))
    found = (place.configuration.profile(name, direction) for name, direction in named)
    return [profile for profile in found if profile is not None]


def _asked(address: str) -> str:
    """Return what is typed, twice the same, or all of standard input but the line break at its end."""
    if not sys.stdin.isatty():
        return sys.stdin.read(_WHOLE).removesuffix("\n").removesuffix("\r")
    password = getpass.getpass(f"Password of {address}: ")
    if getpass.getpass("Once more: ") != password:
        raise ConfigurationError(f"{address}: the two were not the same; nothing is changed")
    return password


def _tell(address: str, *, remove: bool, known: bool, json: bool) -> None:
    done = "set" if not remove else "removed" if known else "none"
    if json:
        print_json({"mailbox": address, "password": done})
        return
    words = {
        "set": "its own password is set; it holds from the next login on",
        "removed": "its own password is removed; its profile's credentials hold again within five minutes",
        "none": "it has no password of its own; nothing is changed",
    }
    console().print(f"{address}: {words[done]}", markup=False)
