"""`email-router local`: the stack's own functions against the user's real mail servers, AWS embedded, state in a folder."""

from __future__ import annotations

import json as jsons
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli import crm_secret, kept_passwords
from email_router.cli.backend import COUNTED_BEFORE, PARAMETERS, of_cloud
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.cli.options import STATE, Json, State
from email_router.cli.output import print_json, tell, warn
from email_router.cli.run import disposing
from email_router.cli.run.once import send_and_fetch, unserved
from email_router.cli.run.progress import live
from email_router.cli.run.report import Run, Told, report
from email_router.cli.run.show import show
from email_router.core.mailbox import AfterDelivery
from email_router.core.settings import Configuration
from email_router.wiring.configuration import Loaded, load

_MINUTE = 60.0
Once = Annotated[bool, typer.Option("--once", help="One round, then end; without it a round a minute until Ctrl-C.")]
Dispose = Annotated[
    bool, typer.Option("--dispose", help="At the end do with delivered messages what after_delivery says.")
]


def local(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The configuration (TOML).")],
    *,
    once: Once = False,
    json: Json = False,
    dispose: Dispose = False,
    state: State = STATE,
) -> None:
    """Run the functions on this machine against your own mail servers; mailboxes stay as they are without --dispose."""
    loaded = load(config)
    warn(loaded.warnings)
    _tell_that_mail_stays(loaded, dispose=dispose)
    told: Told | None = None
    with live("starting the embedded cloud") as progress, closing(_rounds(loaded, config, state, progress)) as rounds:
        try:
            for told in rounds:
                if once:
                    break
                _print(told, json=json)
        except KeyboardInterrupt:
            tell("stopping; what was routed is saved")
    tidied = disposing.dispose(loaded, state) if dispose and told else True
    if once and told:
        _print(told, json=json)
    if not tidied or (told and told.in_error):
        raise typer.Exit(1)


def _rounds(loaded: Loaded, config: Path, state: Path, progress: Callable[[str], None]) -> Generator[Told]:
    """Yield what each round did, a round a minute; the state is saved after each, and when the generator is closed."""
    kept = replace(loaded, configuration=leaving(loaded.configuration))
    with EmbeddedCloud(folder=state, parameters=PARAMETERS) as cloud:
        backend = of_cloud(cloud)
        before = cloud.counters()
        (state / COUNTED_BEFORE).write_text(jsons.dumps(before))
        warn(backend.publish(kept).warnings[len(kept.warnings) :])
        crm_secret.remember(state, config, kept.configuration)
        kept_passwords.lend(state, backend.services)
        while True:
            since, began = datetime.now(UTC), time.monotonic()
            ended = send_and_fetch(cloud.stack, progress)
            states = backend.services.states(kept.configuration.organisation)
            left = frozenset() if ended.quiet else unserved(kept.configuration.mailboxes, states)
            now = cloud.counters()
            run = Run(
                configuration=kept.configuration,
                since=since,
                seconds=time.monotonic() - began,
                counters={name: value - before.get(name, 0) for name, value in now.items()},
                unserved=left,
            )
            told = report(backend.services, run)
            progress("saving the state")
            cloud.save()
            yield told
            before = now
            progress("waiting for the next round")
            time.sleep(max(0.0, _MINUTE - (time.monotonic() - began)))


def leaving(configuration: Configuration) -> Configuration:
    """Return the configuration under which no function changes a mailbox."""
    boxes = tuple(replace(box, after_delivery=AfterDelivery.LEAVE) for box in configuration.mailboxes)
    profiles = tuple(replace(profile, move_undelivered=False) for profile in configuration.profiles)
    return replace(configuration, mailboxes=boxes, profiles=profiles)


def _tell_that_mail_stays(loaded: Loaded, *, dispose: bool) -> None:
    changed = [
        box for box in loaded.configuration.mailboxes if box.incoming and box.after_delivery is not AfterDelivery.LEAVE
    ]
    for box in changed if not dispose else ():
        tell(
            f"{box.address}: local leaves messages in their mailbox although after_delivery is {box.after_delivery.value}; "
            "--dispose does it, once the saved state was read back"
        )


def _print(told: Told, *, json: bool) -> None:
    if json:
        print_json(told.json)
    else:
        show(told)
