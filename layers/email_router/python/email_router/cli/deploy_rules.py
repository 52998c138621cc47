"""`email-router deploy-rules`: inbox rules that forward mail as attachments to a forward mailbox."""

from __future__ import annotations

from typing import Annotated

import typer

from email_router.cli.choosing import wanted as chosen
from email_router.cli.mailbox_rule import Row, row_of, warnings_of
from email_router.cli.options import STATE, Config, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table, tell, warn
from email_router.cli.run.each import for_each
from email_router.cli.servers import opened_servers
from email_router.core.errors import ConfigurationError, MessageRefused
from email_router.core.flows.deploy_rules import Wanted
from email_router.core.inbox_rules import rule_name
from email_router.core.mailbox import MailboxKind
from email_router.core.settings import Configuration
from email_router.core.wire import mail_address

Mailboxes = Annotated[
    list[str] | None, typer.Argument(metavar="MAILBOX…", help="Addresses; @FILE names a file with one a line.")
]


def deploy_rules(
    mailboxes: Mailboxes = None,
    forward_to: Annotated[
        str,
        typer.Option("--forward-to", metavar="ADDRESS", help="The forward mailbox; with --remove it may be left out."),
    ] = "",
    *,
    everybody: Annotated[bool, typer.Option("--all", help="All users and queues of the configuration.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Tell what would be done, and change nothing.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Change a rule of ours that is not as wanted.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove our rules (of --forward-to, where given).")] = False,
    replace_outlook_rules: Annotated[
        bool,
        typer.Option(
            "--replace-outlook-rules", help="Exchange Server: DELETE the rules that Outlook keeps for itself."
        ),
    ] = False,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="The profile to reach the mailboxes by.")
    ] = "",
    config: Config = None,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Make, update or remove the inbox rule that forwards a mailbox's mail as attachments to a forward mailbox.

    Exit code 1 when a mailbox is in error; the others are served all the same.
    """
    with opened_servers(config, state, stack, organisation) as servers:
        configuration = servers.configuration
        _check(configuration, forward_to, profile, update=update, remove=remove)
        addresses = chosen(mailboxes or [], configuration, everybody=everybody)
        wanted = Wanted(
            name=rule_name(configuration.organisation),
            forward_to=forward_to,
            preview=preview,
            update=update,
            remove=remove,
            replace_outlook_rules=replace_outlook_rules,
        )
        warnings = [] if remove else warnings_of(configuration, forward_to)
        warn(warnings)
        made = for_each("inbox rules", addresses, lambda one: row_of(servers, one, wanted, profile))
    if json:
        told = {"rule": wanted.name, "forward_to": forward_to or None, "preview": preview, "warnings": warnings}
        print_json({**told, "mailboxes": [row.json() for row in made]})
    else:
        _show(made, wanted)
    if any(row.error for row in made):
        raise typer.Exit(1)


def _check(configuration: Configuration, forward_to: str, profile: str, *, update: bool, remove: bool) -> None:
    """Refuse arguments that cannot be meant, before anything is asked of a server."""
    if update and remove:
        raise ConfigurationError("--update and --remove: give one of them")
    if not forward_to and not remove:
        known = ", ".join(box.address for box in configuration.mailboxes if box.kind is MailboxKind.FORWARD) or "none"
        raise ConfigurationError(f"--forward-to is missing: the address of a forward mailbox; configured are: {known}")
    if forward_to:
        try:
            mail_address(forward_to)
        except MessageRefused as refusal:
            raise ConfigurationError(
                f"--forward-to {forward_to!r} is no address: expected local@domain ({refusal})"
            ) from refusal
    names = [one.name for one in configuration.profiles]
    if profile and profile not in names:
        raise ConfigurationError(f"--profile {profile}: no such profile; configured are {', '.join(names) or 'none'}")


def _show(made: list[Row], wanted: Wanted) -> None:
    if wanted.preview:
        tell("preview: nothing was changed")
    rows = (row.cells(preview=wanted.preview) for row in made)
    table(f"Inbox rules {wanted.name!r}", ("mailbox", "by", "rule", "what to do"), rows)
