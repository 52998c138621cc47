"""`email-router local`: the stack's own functions against the user's real mail servers, AWS embedded, state in a folder."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from email_router.cli.backend import COUNTED_BEFORE, PARAMETERS, Backend, of_cloud
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.cli.options import STATE, Json, State
from email_router.cli.output import print_json, tell, warn
from email_router.cli.run import disposing
from email_router.cli.run.once import send_and_fetch, unserved
from email_router.cli.run.progress import live
from email_router.cli.run.report import Run, in_error, report
from email_router.cli.run.show import show
from email_router.core.mailbox import AfterDelivery
from email_router.wiring.configuration import Loaded, load

_MINUTE = 60.0
Once = Annotated[bool, typer.Option("--once", help="One round, then end; without it a round a minute until Ctrl-C.")]
Dispose = Annotated[
    bool, typer.Option("--dispose", help="After the round do with delivered messages what after_delivery says.")
]


def local(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The configuration (TOML).")],
    once: Once = False,
    json: Json = False,
    dispose: Dispose = False,
    state: State = STATE,
) -> None:
    """Run the functions on this machine against your own mail servers; the mailboxes stay as they are without --dispose."""
    loaded = load(config)
    warn(loaded.warnings)
    _tell_that_mail_stays(loaded, dispose=dispose)
    rounds = 0
    try:
        while True:
            rounds += 1
            began = time.monotonic()
            told, names = _session(loaded, state) if once or dispose else _sessions(loaded, state, json=json)
            if dispose:
                disposing.dispose(loaded, state)
            _print(told, names, json=json)
            if once:
                break
            time.sleep(max(0.0, _MINUTE - (time.monotonic() - began)))
    except KeyboardInterrupt:
        tell("stopped; what was routed is saved")
        return
    if in_error(told):
        raise typer.Exit(1)
