"""`email-router`: the commands, and what a failure becomes."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import typer
from botocore.exceptions import BotoCoreError, ClientError

from email_router.cli import crm, outgoing, undeliverable
from email_router.cli.access import access
from email_router.cli.alerts import alerts
from email_router.cli.counters import counters
from email_router.cli.demo.command import demo
from email_router.cli.deploy_rules import deploy_rules
from email_router.cli.diff import diff, rollback
from email_router.cli.emails import emails
from email_router.cli.embedded.trouble import EmbeddedCloudError
from email_router.cli.explain import explain
from email_router.cli.import_legacy.command import import_legacy
from email_router.cli.inspect import inspect
from email_router.cli.load_data import load_data
from email_router.cli.local import local
from email_router.cli.output import speak_utf8, tell
from email_router.cli.publish import publish
from email_router.cli.reconcile import reconcile
from email_router.cli.send import send
from email_router.cli.show import show
from email_router.cli.status import status
from email_router.cli.webhook import webhook
from email_router.cli.what_if import what_if
from email_router.core.errors import ConfigurationError, RouterError

app = typer.Typer(
    name="email-router",
    help="Routes mail between mail servers and a CRM.  Exit codes: 0 all mailboxes served; 1 a mailbox in error, or a file "
    "that cannot be opened; 2 arguments or configuration invalid, nothing started.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (demo, local, publish, diff, rollback, show, status, emails, explain, send, inspect, counters, alerts):
    app.command()(command)
app.command(name="what-if")(what_if)
app.command()(reconcile)
app.command(name="load-data")(load_data)
app.command(name="import-legacy")(import_legacy)
app.command(name="test-access")(access)
app.command(name="deploy-rules")(deploy_rules)
app.command()(webhook)
app.add_typer(outgoing.commands, name="outgoing")
app.add_typer(undeliverable.commands, name="undeliverable")
app.add_typer(crm.commands, name="crm")


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command of this process's arguments; a failure is told in words and by the exit code."""
    speak_utf8()
    os.umask(0o077)  # a state folder holds people's mail
    signal.signal(signal.SIGTERM, _interrupted)  # what runs is ended and saved, as at Ctrl-C
    try:
        app()
    except ConfigurationError as wrong:
        tell(str(wrong))
        sys.exit(2)
    except RouterError as trouble:
        tell(f"{trouble} {trouble.mend}".strip())
        sys.exit(1)
    except EmbeddedCloudError as trouble:
        tell(str(trouble))
        sys.exit(1)
    except (BotoCoreError, ClientError) as refusal:
        tell(f"AWS answered: {refusal}. Check AWS_REGION, your credentials and their permissions.")
        sys.exit(1)
