"""Attachments that lie elsewhere are read a piece at a time: never two pieces of them are held at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from email_router.core.compose import Outgoing, compose
from email_router.core.enclosed import Kept
from email_router.core.errors import MessageRefused
from email_router.core.message import Attachment
from email_router.core.proof import prove
from tests.core.composed import PLAIN

CONTENTS = [bytes(range(256)) * 900, b"", b"two\r\n" * 60_000, b"x"]
PIECE = 70_001
"""Bytes that come at once: neither whole lines of base64 nor whole groups of it."""


class Content(bytes):
    """Bytes that tell their store when nobody holds them any more."""

    store: Store

    def __del__(self) -> None:
        self.store.alive -= 1


class Store:
    """Where contents lie; `held` tells how many pieces are held when another is read, `reads` which contents were read."""

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.held: list[int] = []
        self.alive = 0

    def read(self, number: int) -> Iterator[bytes]:
        """Give the content in pieces, new copies at each time."""
        self.reads.append(number)
        for start in range(0, len(CONTENTS[number]), PIECE):
            self.held.append(self.alive)
            self.alive += 1
            yield self._piece(number, start)

    def _piece(self, number: int, start: int) -> Content:
        piece = Content(CONTENTS[number][start : start + PIECE])
        piece.store = self
        return piece

    def mail(self) -> Outgoing:
        """Return an e-mail with all of them; the first is shown in the HTML."""
        files = tuple(
            Kept(f"{number}.bin", "application/x-one", number == 0, f"id{number}@1", partial(self.read, number))
            for number in range(len(CONTENTS))
        )
        return replace(PLAIN, html='<img src="cid:id0@1">', attachments=files)


def held_all_along() -> Outgoing:
    """Return the same e-mail, its attachments held."""
    files = tuple(
        Attachment(f"{number}.bin", "application/x-one", content, number == 0, f"id{number}@1")
        for number, content in enumerate(CONTENTS)
    )
    return replace(PLAIN, html='<img src="cid:id0@1">', attachments=files)


def test_the_same_is_composed_and_proven_with_one_piece_held_at_a_time() -> None:
    store = Store()

    raw = compose(store.mail())
    prove(store.mail(), raw)

    assert raw == compose(held_all_along())
    assert store.reads == [0, 1, 2, 3] * 2
    assert len(store.held) == 2 * sum(-(-len(content) // PIECE) for content in CONTENTS)
    assert max(store.held) <= 1


def test_an_attachment_that_reads_otherwise_afterwards_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    raw = compose(store.mail())
    monkeypatch.setattr(f"{__name__}.CONTENTS", [*CONTENTS[:2], b"TWO\r\n" * 60_000, b"x"])

    with pytest.raises(MessageRefused, match="an attachment"):
        prove(store.mail(), raw)


@pytest.mark.parametrize("second", [b"", b"two\r\n" * 59_999, b"two\r\n" * 60_000 + b"t"])
def test_an_attachment_that_has_become_shorter_or_longer_is_not_proven(
    monkeypatch: pytest.MonkeyPatch, second: bytes
) -> None:
    store = Store()
    raw = compose(store.mail())
    monkeypatch.setattr(f"{__name__}.CONTENTS", [*CONTENTS[:2], second, b"x"])

    with pytest.raises(MessageRefused, match="an attachment"):
        prove(store.mail(), raw)


def test_an_attachment_that_cannot_be_read_ends_the_composing_with_its_own_error() -> None:
    def gone() -> Iterator[bytes]:
        raise MessageRefused("gone", kind="attachment")
        yield b""

    with pytest.raises(MessageRefused, match="gone"):
        compose(replace(PLAIN, attachments=(Kept("a.bin", "application/x-one", False, None, gone),)))
