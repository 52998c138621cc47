"""`email-router restore`: bring an organisation back from a backup, without undoing what has happened since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import Backend, opened_for_change
from email_router.cli.options import STATE, Json, Stack, State
from email_router.cli.output import console, print_json, table, tell, warn
from email_router.cli.recovery.archive import Archive, key_of
from email_router.cli.recovery.locking import KmsName, PassphraseFile, of_a_file
from email_router.cli.recovery.merging import Outcome, Wishes
from email_router.cli.recovery.putting_back import Restored, put_back
from email_router.cli.run.progress import live
from email_router.core.restoring import CursorRuling, RowKind
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration import Loaded
from email_router.wiring.publishing import PublishedVersion

_MENDS = {
    CursorRuling.BUSY: "somebody is reading it: give the command again",
    CursorRuling.REFUSED: "its table was begun after the backup: `email-router reconcile` picks up what lacks",
}


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `email-router backup`.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
    configuration: Annotated[
        bool, typer.Option("--configuration", help="Publish the file's configuration, as a new version.")
    ] = False,
    cursors: Annotated[
        bool, typer.Option("--cursors", help="The file's positions in mailboxes replace those that stand.")
    ] = False,
    send_waiting: Annotated[
        bool,
        typer.Option("--send-waiting", help="Nothing was sent after the backup: what waited then is sent, not held."),
    ] = False,
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Secrets of the file that are absent.")] = False,
    passphrase_file: PassphraseFile = None,
    kms_key: KmsName = "",
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
) -> None:
    """Add what a backup holds and the stores lack.  What stands is kept: nothing that happened since is undone.  Repeatable."""
    try:
        archive = Archive(file, key_of(file, of_a_file(file, passphrase_file, kms_key)))
        with opened_for_change(state, stack) as backend, live("opening") as progress:
            wishes = Wishes(cursors=cursors, wait_on=send_waiting, secrets=with_secrets, passwords=bool(stack))
            done = put_back(backend.services, archive, wishes, CLOCK.now(), dry=dry_run, tell=progress)
            published = _published(backend, done) if configuration and not dry_run else None
            backend.save()
    except OSError as failure:
        tell(f"{file}: cannot be read: {failure.strerror}")
        raise typer.Exit(1) from failure
    warn(_warnings(done, published, asked=configuration))
    if json:
        print_json(_shape(done, published, dry_run=dry_run))
    else:
        _show(done, published, dry_run=dry_run)


def _published(backend: Backend, done: Restored) -> PublishedVersion | None:
    """Put the file's configuration into force, last of all: what it lets be polled finds its position and its ledger."""
    if done.configuration is None:
        return None
    return backend.publish(Loaded(replace(done.configuration, version=0)))


def _warnings(done: Restored, published: PublishedVersion | None, *, asked: bool) -> list[str]:
    found = list(published.warnings) if published else []
    if not asked and not published:
        found.append("the configuration in force stays; --configuration publishes the file's")
    if done.held:
        found.append(
            f"{len(done.held)} e-mails may have left since the backup and are held as unknown: `email-router outgoing settle`"
        )
    skipped = [name for name, outcome in done.secrets.items() if outcome is Outcome.SKIPPED]
    found += [f"{name}: a folder of state keeps it apart; give it with `email-router set-password`" for name in skipped]
    found += [
        f"{box}: its position stays as it is; {_MENDS[how]}" for box, how in done.cursors.items() if how in _MENDS
    ]
    found += [
        f"{one.kind.value} {one.row}: its object {one.object} is lost, here and in the file" for one in done.missing
    ]
    return found


def _shape(done: Restored, published: PublishedVersion | None, *, dry_run: bool) -> dict[str, object]:
    return {
        "organisation": done.organisation,
        "made": done.made.isoformat(),
        "dry_run": dry_run,
        "rows": {kind.value: counts for kind, counts in _by_kind(done.rows).items()},
        "objects": {outcome.value: count for outcome, count in done.objects.items()},
        "cursors": {mailbox: ruling.value for mailbox, ruling in done.cursors.items()},
        "held": list(done.held),
        "missing": [{**asdict(one), "kind": one.kind.value} for one in done.missing],
        "secrets": {name: outcome.value for name, outcome in done.secrets.items()},
        "version": published.version if published else None,
    }


def _by_kind(rows: Mapping[tuple[RowKind, Outcome], int]) -> dict[RowKind, dict[str, int]]:
    kinds = [kind for kind in RowKind if any(known is kind for known, _ in rows)]
    return {kind: {outcome.value: rows.get((kind, outcome), 0) for outcome in Outcome} for kind in kinds}


def _show(done: Restored, published: PublishedVersion | None, *, dry_run: bool) -> None:
    columns = [outcome.value for outcome in Outcome]
    lines: list[Sequence[object]] = [(kind.value, *counts.values()) for kind, counts in _by_kind(done.rows).items()]
    lines.append(("objects", *(done.objects.get(outcome, 0) for outcome in Outcome)))
    if done.secrets:
        secrets = list(done.secrets.values())
        lines.append(("secrets", *(secrets.count(outcome) for outcome in Outcome)))
    title = f"{done.organisation}, backup of {done.made:%Y-%m-%d %H:%M} UTC{', dry run' if dry_run else ''}"
    table(title, ("", *columns), lines)
    table("Positions", ("mailbox", "position"), ((box, how.value) for box, how in done.cursors.items()))
    if published:
        console().print(f"{published.organisation}: version {published.version} is in force", markup=False)
