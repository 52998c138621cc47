"""What a backup is locked by, as the options and the terminal tell: a passphrase, or a KMS key."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.recovery import keys
from email_router.cli.recovery.archive import header_of
from email_router.cli.recovery.keys import FileKey, KmsKey, Passphrase
from email_router.core.errors import ConfigurationError

VARIABLE = "EMAIL_ROUTER_BACKUP_PASSPHRASE"

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help=f"Its first line is the passphrase.  Else {VARIABLE}, else asked."
    ),
]
KmsName = Annotated[str, typer.Option("--kms-key", metavar="ARN", help="A KMS key instead of a passphrase.")]


def for_a_new_file(passphrase_file: Path | None, kms_key: str) -> FileKey:
    """Return what a new backup is to be locked by.  Raises ConfigurationError where nothing, or two things, are given."""
    if kms_key and passphrase_file:
        raise ConfigurationError("--kms-key and --passphrase-file: give one of them")
    return KmsKey(kms_key) if kms_key else Passphrase(_passphrase(passphrase_file, new=True))


def of_a_file(path: Path, passphrase_file: Path | None, kms_key: str) -> FileKey:
    """Return what opens a backup: its header says whether that is a passphrase or a KMS key."""
    kind = header_of(path).get("key")
    if kind == keys.KMS:
        return KmsKey(kms_key)
    if kind != keys.PASSPHRASE:
        raise ConfigurationError(f"{path}: it is locked by {kind!r}, which this version does not know")
    if kms_key:
        raise ConfigurationError(f"{path}: it is locked by a passphrase, not by a KMS key")
    return Passphrase(_passphrase(passphrase_file, new=False))


def _passphrase(file: Path | None, *, new: bool) -> str:
    """Return the passphrase: never from an argument, which others on the machine could read."""
    if file is not None:
        try:
            return file.read_text("utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as failure:
            raise ConfigurationError(f"{file}: the passphrase cannot be read: {failure}") from failure
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    if not sys.stdin.isatty():
        raise ConfigurationError(f"no passphrase: set {VARIABLE}, or give --passphrase-file FILE or --kms-key ARN")
    return str(typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new, err=True))
