"""Make what a layer holds the same to the byte wherever and whenever it is built, and tell its size and its digest."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_SAME_FOR_EVER = 315_532_800
"""1980-01-01, the first date that a zip file knows, as seconds since 1970."""
_OF_THIS_MACHINE = ("RECORD", "direct_url.json", "INSTALLER", "REQUESTED")
"""What pip notes of an installation.  RECORD holds digests of commands that begin with the path of this machine's Python."""


def settle(folder: Path) -> None:
    """Remove what differs between machines, and give everything one date and one set of rights.

    The zip that the CDK makes of the folder then has the same bytes too: it sorts the names and writes one date, but keeps the rights.
    """
    shutil.rmtree(folder / "bin", ignore_errors=True)  # commands of the packages: nobody calls them there
    for notes in folder.glob("*.dist-info"):
        for name in _OF_THIS_MACHINE:
            (notes / name).unlink(missing_ok=True)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_SAME_FOR_EVER, _SAME_FOR_EVER))


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; none where it is not there."""
    return sum(file.stat().st_size for file in files_of(folder))


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of names, rights and contents of all files below a folder, in hexadecimal digits."""
    digest = hashlib.sha256()
    for file in files_of(folder):
        name = file.relative_to(folder).as_posix()
        digest.update(f"{name}\0{file.stat().st_mode:o}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, in the order of their names."""
    yield from sorted(file for file in folder.rglob("*") if file.is_file())
