"""`email-router backup`: one organisation in one encrypted file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, tell, warn
from email_router.cli.recovery.archiving import created
from email_router.cli.recovery.locking import KmsName, PassphraseFile, for_a_new_file
from email_router.cli.recovery.taking import Backup, Taken
from email_router.cli.run.progress import live
from email_router.wiring.clock import CLOCK


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to make; one that exists is not written over.")
    ],
    *,
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Passwords and client secrets, too.")] = False,
    passphrase_file: PassphraseFile = None,
    kms_key: KmsName = "",
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Write an organisation's configuration, state, built-in CRM and objects into one encrypted file.  Mail goes on meanwhile."""
    key = for_a_new_file(passphrase_file, kms_key)
    try:
        with opened(state, stack) as backend, live("reading") as progress, created(file, key) as writer:
            place = backend.organisation(organisation)
            published = place.services.configurations.published(place.name)
            taken = Backup(place.services, published, writer, progress).take(CLOCK.now(), with_secrets=with_secrets)
    except OSError as failure:
        tell(f"{file}: cannot be written: {failure.strerror}")
        raise typer.Exit(1) from failure
    warn(_warnings(taken))
    if json:
        print_json(_shape(file, taken))
        return
    rows, objects, secrets = taken.rows.total(), taken.objects, len(taken.secrets)
    text = f"{file}: {taken.organisation}, version {taken.version}: {rows} rows, {objects} objects, {secrets} secrets"
    console().print(text, markup=False)


def _warnings(taken: Taken) -> list[str]:
    found = [f"the secret {name} cannot be read here and is not in the file" for name in taken.secrets_missing]
    found += [
        f"{count} rows {word} are of a kind that this version does not know" for word, count in taken.unknown.items()
    ]
    return found


def _shape(file: Path, taken: Taken) -> dict[str, object]:
    return {
        "file": str(file),
        "organisation": taken.organisation,
        "version": taken.version,
        "at": taken.at.isoformat(),
        "bytes": file.stat().st_size,
        "rows": {kind.value: count for kind, count in sorted(taken.rows.items())},
        "objects": taken.objects,
        "secrets": taken.secrets,
        "secrets_missing": taken.secrets_missing,
        "unknown": dict(taken.unknown),
    }
