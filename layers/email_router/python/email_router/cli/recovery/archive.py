"""Read the file of a backup (archiving.py makes it), proven as far as it was read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from email_router.cli.recovery.keys import FileKey, Header
from email_router.cli.recovery.records import ABOUT, END, HEAD, MAGIC, OBJECT, PIECE, object_key
from email_router.cli.recovery.sealed import Damaged, SealedReader
from email_router.core.errors import ConfigurationError

_LONGEST_HEADER = 16 * 1024
_LONGEST_RECORD = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that is read as often as asked, each time from its beginning.  Raises ConfigurationError for one that is damaged."""

    path: Path
    key: bytes = field(repr=False)

    def records(self, *wanted: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield kind and content of the records of these kinds (none named: all), to the proven end of the file."""
        seen: Counter[str] = Counter()
        with self.path.open("rb") as file:
            sealed = SealedReader(file, self.key, _start(self.path, file)[0])
            try:
                for kind, content in _records(sealed):
                    if kind == END:
                        _finish(sealed, counted=json.loads(content) == dict(seen))
                        return
                    seen[kind.decode()] += 1
                    if not wanted or kind in wanted:
                        yield kind, content
            except Damaged as damaged:
                raise _damaged(self.path) from damaged

    def about(self) -> dict[str, Any]:
        """Return what the backup is of, which its first record tells."""
        found = next((content for _, content in self.records(ABOUT)), b"{}")
        about: dict[str, Any] = json.loads(found)
        return about

    def check(self) -> None:
        """Read the file to its end.  Raises ConfigurationError where anything of it was changed or is missing."""
        for _ in self.records(ABOUT):
            pass

    def objects(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield key and pieces of each object; what is not read of the pieces is passed over."""
        records = self.records(OBJECT, PIECE)
        upcoming = next(records, None)
        while upcoming is not None:
            rest = _Pieces(records)
            yield object_key(upcoming[1]), iter(rest)
            upcoming = rest.after()


class _Pieces:
    """The pieces of one object, up to the next object."""

    def __init__(self, records: Iterator[tuple[bytes, bytes]]) -> None:
        self._records = records
        self._next: tuple[bytes, bytes] | None = None
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        while not self._over:
            self._next = next(self._records, None)
            if self._next is None or self._next[0] == OBJECT:
                self._over = True
                return
            yield self._next[1]

    def after(self) -> tuple[bytes, bytes] | None:
        for _ in self:
            pass
        return self._next


def header_of(path: Path) -> Header:
    """Return what the file's header says.  Raises ConfigurationError for a file of another kind, OSError where it cannot be read."""
    with path.open("rb") as file:
        return _start(path, file)[1]


def key_of(path: Path, key: FileKey) -> bytes:
    """Return the file's key, made again.  Raises ConfigurationError where `key` is not the one that it was locked by."""
    try:
        return key.again(header_of(path))
    except (KeyError, ValueError, TypeError) as wrong:
        raise _damaged(path) from wrong


def _start(path: Path, file: BinaryIO) -> tuple[bytes, Header]:
    """Return the file's start as it stands, and the header in it."""
    magic, line = file.readline(len(MAGIC)), file.readline(_LONGEST_HEADER)
    if magic != MAGIC:
        raise ConfigurationError(f"{path}: expected a backup of this version of email-router, found something else")
    try:
        header: Header = json.loads(line)
    except ValueError as wrong:
        raise _damaged(path) from wrong
    return magic + line, header


def _finish(sealed: SealedReader, *, counted: bool) -> None:
    sealed.finish()
    if not counted:
        raise Damaged


def _records(sealed: SealedReader) -> Iterator[tuple[bytes, bytes]]:
    while True:
        kind, length = HEAD.unpack(sealed.read(HEAD.size))
        if length > _LONGEST_RECORD:
            raise Damaged
        yield kind, sealed.read(length)


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path}: the file was cut off or changed since it was made; take another backup")
