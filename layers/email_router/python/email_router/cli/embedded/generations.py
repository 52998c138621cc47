"""Keep whole generations of files in a folder: a new one is in force at once or not at all.

    current                     the name of the generation in force, replaced by a rename
    generations/NAME/…          the files of a generation
    objects/SHA256              contents that generations share

Every file and folder is on the disk (fsync) before `current` is renamed.  Killed at any moment, the folder still holds the
generation that was in force; what was left unfinished is removed by the next save.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from email_router.cli.embedded.trouble import EmbeddedCloudError


class Generations:
    """The generations of one folder; one writer at a time (lock.py)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pointer = folder / "current"
        self._objects = folder / "objects"
        self._all = folder / "generations"

    @property
    def current(self) -> Path | None:
        """The generation in force, or None before the first save."""
        try:
            return self._all / self._pointer.read_text().strip()
        except FileNotFoundError:
            return None

    def object(self, digest: str) -> Path:
        """Where a shared content lies."""
        return self._objects / digest

    def write(self, fill: Callable[[NewGeneration], None]) -> None:
        """Let `fill` write a new generation, then put it in force and remove the old ones.

        If that fails, also for want of space, the partial one is removed and the old one stays in force.
        """
        try:
            self._remove_unfinished()
            new = NewGeneration(self._all / self._next_name(), self._objects)
            fill(new)
            new.finish()
            self._put_in_force(new.folder.name)
        except OSError as error:
            with suppress(OSError):
                self._remove_unfinished()
            in_force = "the state saved before stays in force" if self.current else "nothing is saved"
            raise EmbeddedCloudError(
                f"the state cannot be saved in {self._folder}: {error.strerror or error}; {in_force}. "
                "Make room there (or give another folder with --state) and run the command again."
            ) from error
        except BaseException:
            with suppress(OSError):
                self._remove_unfinished()
            raise
        with suppress(OSError):  # it is saved; what cannot be removed now is removed by the next save
            self._remove_unfinished(new.objects)

    def _next_name(self) -> str:
        current = self.current
        return f"{int(current.name) + 1 if current else 1:08d}"

    def _put_in_force(self, name: str) -> None:
        unfinished = self._folder / "current.unfinished"
        write_durably(unfinished, [f"{name}\n".encode()])
        unfinished.replace(self._pointer)
        make_durable(self._folder)

    def _remove_unfinished(self, wanted: frozenset[str] | None = None) -> None:
        """Remove all generations but the one in force, and the contents that it does not want (`wanted` None: ask it)."""
        current = self.current
        for folder in self._all.glob("*"):
            if folder != current:
                shutil.rmtree(folder)
        if wanted is None:
            wanted = frozenset(_read_names(current)) if current else frozenset()
        for content in self._objects.glob("*"):
            if content.name not in wanted:
                content.unlink()


class NewGeneration:
    """A generation that is being written and not yet in force."""

    def __init__(self, folder: Path, objects: Path) -> None:
        self.folder = folder
        self._shared = objects
        self._wanted: set[str] = set()
        folder.mkdir(parents=True)
        objects.mkdir(parents=True, exist_ok=True)

    @property
    def objects(self) -> frozenset[str]:
        """The digests of the contents that this generation wants."""
        return frozenset(self._wanted)

    def add_file(self, name: str, chunks: Iterable[bytes]) -> str:
        """Write a file of this generation; returns the SHA-256 of what was written."""
        return write_durably(self.folder / name, chunks)

    def add_object(self, content: bytes) -> str:
        """Keep a shared content, written only if no generation has it; returns its digest."""
        digest = hashlib.sha256(content).hexdigest()
        target = self._shared / digest
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            write_durably(unfinished, [content])
            unfinished.replace(target)
        self.keep_object(digest)
        return digest

    def keep_object(self, digest: str) -> None:
        """Want a content that the generation in force has already."""
        self._wanted.add(digest)

    def finish(self) -> None:
        """Bring the names to the disk as well: every folder from the files up."""
        self.add_file("objects.txt", (f"{digest}\n".encode() for digest in sorted(self._wanted)))
        for folder in (self._shared, self.folder, self.folder.parent, self.folder.parent.parent):
            make_durable(folder)


def write_durably(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a file and wait until the disk has it; returns the SHA-256 of its content."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def make_durable(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_names(generation: Path) -> Iterator[str]:
    with suppress(FileNotFoundError):
        yield from (generation / "objects.txt").read_text().split()
