"""The commands of `email-router` by name; each is imported when it is asked for, for together they take more than a second."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.main import get_command as built

if TYPE_CHECKING:
    from typer._click.core import Command, Context  # Typer's own copy of Click, named nowhere else

COMMANDS: Mapping[str, str] = {
    "demo": "demo.command:demo",
    "local": "local:local",
    "publish": "publish:publish",
    "diff": "diff:diff",
    "rollback": "diff:rollback",
    "show": "show:show",
    "status": "status:status",
    "emails": "emails:emails",
    "explain": "explain:explain",
    "send": "send:send",
    "inspect": "inspect:inspect",
    "counters": "counters:counters",
    "alerts": "alerts:alerts",
    "what-if": "what_if:what_if",
    "reconcile": "reconcile:reconcile",
    "backup": "backup:backup",
    "restore": "restore:restore",
    "export-tables": "export_tables:export_tables",
    "load-data": "load_data:load_data",
    "import-legacy": "import_legacy.command:import_legacy",
    "test-access": "access:access",
    "deploy-rules": "deploy_rules:deploy_rules",
    "webhook": "webhook:webhook",
    "cost": "cost.command:cost",
    "set-password": "set_password:set_password",
    "erase": "erase:erase",
    "outgoing": "outgoing:commands",
    "undeliverable": "undeliverable:commands",
    "crm": "crm:commands",
}
"""Name -> module within cli/ and, after the colon, the function, or the group of commands."""


class Commands(TyperGroup):
    """The group of all commands, in the order of the table."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return the command of this name, or None when there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(f"email_router.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(cmd_name)(found)
            found = alone
        command = built(found)
        command.name = cmd_name
        return command
