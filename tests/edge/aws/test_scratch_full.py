"""The function's scratch space is full: what needed it is tried again later, for nobody's fault, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from tempfile import TemporaryFile
from typing import Any

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import TryLater
from email_router.core.flows.outgoing import Outgoing
from email_router.edge.stores import scratch
from tests.flows.office import Office

LARGE = "".join(f"{number:07d} " for number in range(400_000))


class Disk:
    """Scratch space with room for so many bytes; `open` counts the files that are held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.files: list[Any] = []
        monkeypatch.setattr(scratch, "TemporaryFile", self._file)

    @property
    def open(self) -> int:
        return sum(not one.closed for one in self.files)

    def _file(self, **given: Any) -> Any:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file = _File(self, TemporaryFile(**given))  # noqa: SIM115 - whoever keeps something in it closes it
        self.files.append(file)
        return file


class _File:
    def __init__(self, disk: Disk, file: Any) -> None:
        self._disk, self._file = disk, file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, piece: Any) -> int:
        if self._disk.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        some = bytes(piece)[: self._disk.room]  # as write(2) does where it does not fit
        self._disk.room -= len(some)
        return int(self._file.write(some))


def pieces(count: int) -> Iterator[bytes]:
    return (b"x" * 1024 * 1024 for _ in range(count))


@pytest.mark.parametrize("room", [0, 1, 2 * 1024 * 1024, 5 * 1024 * 1024 - 1])
def test_a_full_disk_is_tried_again_later_and_nobodys_attempt(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    disk = Disk(monkeypatch, room)

    with pytest.raises(TryLater, match="No space left on device") as full:
        scratch.keep(pieces(5))

    assert (full.value.kind, full.value.shared) == ("scratch", True)
    assert "ephemeral storage" in full.value.mend
    assert disk.open == 0


def test_what_just_fits_is_kept_whole_and_small_things_need_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch, 5 * 1024 * 1024)

    kept = scratch.keep(pieces(5))

    assert len(kept) == 5 * 1024 * 1024
    assert kept[:] == b"".join(pieces(5))
    assert disk.room == 0
    assert scratch.keep([b"small"]) == b"small"
    del kept
    assert disk.open == 0


class Roomy(Office):
    """An office that keeps what it composes as a function does."""

    def road(self) -> Outgoing:
        return replace(super().road(), keep=scratch.keep)


@pytest.mark.parametrize("room", [0, 1024 * 1024])
def test_an_e_mail_for_which_there_is_no_room_waits_and_is_sent_once_when_there_is(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk, office = Disk(monkeypatch, room), Roomy()
    office.write("e1")
    office.write("e2", text=LARGE)

    for _ in range(12):  # more often than an e-mail is tried
        with pytest.raises(TryLater, match="scratch space"):
            office.send("e2")
        office.clock.advance(3600)

    assert office.sender.sent == []
    waiting = office.crm.email("e2")
    assert waiting
    assert waiting.status in {EmailStatus.PENDING, EmailStatus.DEFERRED}
    assert disk.open == 0
    assert [one.status for one in office.send("e1")] == [EmailStatus.SENT]

    disk.room = 10**9
    assert [one.status for one in office.send("e2")] == [EmailStatus.SENT]
    assert [envelope.activity for envelope, _ in office.sender.sent] == ["e1", "e2"]
