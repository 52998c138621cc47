"""`email-router`: the commands, and what a failure becomes."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import typer

from email_router.cli.commands import Commands
from email_router.cli.embedded.trouble import EmbeddedCloudError
from email_router.cli.output import speak_utf8, tell
from email_router.core.errors import ConfigurationError, RouterError

app = typer.Typer(
    name="email-router",
    cls=Commands,
    help="Routes mail between mail servers and a CRM.  Exit codes: 0 all mailboxes served; 1 a mailbox in error, or a file "
    "that cannot be opened; 2 arguments or configuration invalid, nothing started.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _all() -> None:
    """Without a function of its own Typer takes the table of commands for empty."""


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
    except Exception as refusal:
        if not _of_aws(refusal):
            raise
        tell(f"AWS answered: {refusal}. Check AWS_REGION, your credentials and their permissions.")
        sys.exit(1)


def _of_aws(trouble: Exception) -> bool:
    """Tell whether the AWS SDK raised this, without loading it where no command has."""
    sdk = sys.modules.get("botocore.exceptions")
    return sdk is not None and isinstance(trouble, (sdk.BotoCoreError, sdk.ClientError))
