"""`email-router show`: the configuration in force."""

from __future__ import annotations

from dataclasses import asdict

from email_router.cli.backend import opened
from email_router.cli.followed import followed_shape, tell_followed
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import pairs, print_json, table
from email_router.cli.shapes import instant
from email_router.core.mailbox import Profile
from email_router.core.settings import Configuration


def show(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """Show the configuration in force.  Secrets are shown by name only."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        configuration = place.configuration
        followed = followed_shape(configuration, place.followed)
    if json:
        print_json({**shown(configuration), "followed": followed})
        return
    tell_followed(followed)
    pairs(f"{configuration.organisation}, version {configuration.version}", asdict(configuration.tracking))
    rows = (
        (one.name, one.direction.value, one.server, one.host, one.security.value, one.secret)
        for one in configuration.profiles
    )
    table("Profiles", ("name", "direction", "server", "host", "security", "secret"), rows)
    boxes = (
        (one.address, one.kind.value, one.incoming, one.outgoing, one.accept.value, one.after_delivery.value)
        for one in configuration.mailboxes
    )
    table("Mailboxes", ("address", "kind", "incoming", "outgoing", "accept", "after delivery"), boxes)


def shown(configuration: Configuration) -> dict[str, object]:
    """Return the configuration as JSON values."""
    return {
        "organisation": configuration.organisation,
        "version": configuration.version,
        "tracking": asdict(configuration.tracking),
        "crm": {"kind": configuration.crm.kind, **configuration.crm.options},
        "profiles": [_profile(profile) for profile in configuration.profiles],
        "mailboxes": [asdict(mailbox) for mailbox in configuration.mailboxes],
    }


def _profile(profile: Profile) -> dict[str, object]:
    return asdict(profile) | {"process_received_after": instant(profile.process_received_after)}
