"""Mark, move and delete messages in the selected folder, each command naming the messages it means."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from email_router.edge.connect.imap_answers import number_of
from email_router.edge.connect.imap_errors import lacks_folder, said
from email_router.edge.connect.imap_folders import make
from email_router.edge.connect.imap_names import folder_name, uid_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from email_router.edge.connect.imap import ImapSession
    from email_router.edge.connect.imap_answers import Answer

_AT_ONCE = 500


def mark_read(session: ImapSession, uids: Sequence[int]) -> None:
    r"""Set \Seen."""
    for some in _sets(uids):
        _done(session, b"UID STORE %b +FLAGS.SILENT (\\Seen)" % some)


def delete(session: ImapSession, uids: Sequence[int]) -> None:
    r"""Mark as \Deleted and expunge these messages and no others.

    A plain EXPUNGE takes everybody's marked messages, so that on a server without UIDPLUS (RFC 4315) the mark is all they get.
    """
    for some in _sets(uids):
        _done(session, *_removal(session, some))


def move(session: ImapSession, uids: Sequence[int], folder: str) -> None:
    """Move to a folder, which is made where it is missing.  A message that is gone already is no error."""
    target = folder_name(folder, session.name, utf8=session.utf8)
    for some in _sets(uids):
        if "MOVE" in session.capabilities():
            _into(session, b"UID MOVE %b %b" % (some, target), folder)
            continue
        copied = _marked(session, some)  # by us, before we died: the mark is set when the copy is there
        if left := uid_set(uid for uid in _present(session, some) if uid not in copied):
            _into(session, b"UID COPY %b %b" % (left, target), folder)
        _done(session, *_removal(session, some))


def _into(session: ImapSession, command: bytes, folder: str) -> None:
    (answer,) = session.ask(command)
    if lacks_folder(answer):
        make(session, folder)
        (answer,) = session.ask(command)
    _passed(session, command, answer)


def _removal(session: ImapSession, some: bytes) -> list[bytes]:
    commands = [b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % some]
    return [*commands, b"UID EXPUNGE %b" % some] if "UIDPLUS" in session.capabilities() else commands


def _marked(session: ImapSession, some: bytes) -> set[int]:
    return set(_found(session, b"UID SEARCH UID %b DELETED" % some))


def _present(session: ImapSession, some: bytes) -> list[int]:
    return sorted(set(_found(session, b"UID SEARCH UID %b" % some)))


def _found(session: ImapSession, command: bytes) -> Iterator[int]:
    (answer,) = session.ask(command)
    _passed(session, command, answer)
    for parts in answer.of_kind(b"SEARCH"):
        yield from (uid for word in parts[0].split() if (uid := number_of(word)) is not None)


def _done(session: ImapSession, *commands: bytes) -> None:
    for command, answer in zip(commands, session.ask(*commands), strict=True):
        _passed(session, command, answer)


def _passed(session: ImapSession, command: bytes, answer: Answer) -> None:
    if not answer.ok:
        raise said(session.name, b" ".join(command.split()[:2]).decode(), answer)


def _sets(uids: Sequence[int]) -> Iterator[bytes]:
    left = iter(sorted(set(uids)))
    while some := list(islice(left, _AT_ONCE)):
        yield uid_set(some)
