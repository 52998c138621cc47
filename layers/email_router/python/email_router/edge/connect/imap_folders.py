"""Find or make the folders that messages are moved to: by what the server says they are for (RFC 6154), else by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.imap_answers import tokens
from email_router.edge.connect.imap_errors import said
from email_router.edge.connect.imap_names import decode_utf7, folder_name

if TYPE_CHECKING:
    from email_router.edge.connect.imap import ImapSession

ARCHIVE, UNDELIVERABLE = "Archive", "Undeliverable"


def archive_of(session: ImapSession) -> str:
    r"""Return the folder for what is done with: \Archive; in Gmail "All Mail" (there a move takes the label away); else "Archive"."""
    found = _special(session)
    if "X-GM-EXT-1" in session.capabilities() and rb"\ALL" in found:
        return found[rb"\ALL"]
    return found.get(rb"\ARCHIVE") or in_own_space(session, ARCHIVE)


def trash_of(session: ImapSession) -> str | None:
    r"""Return Gmail's \Trash; None elsewhere: in Gmail alone a message that is expunged from a folder stays in "All Mail"."""
    return _special(session).get(rb"\TRASH") if "X-GM-EXT-1" in session.capabilities() else None


def in_own_space(session: ImapSession, name: str) -> str:
    """Return the name under the prefix that the account's own folders must have (RFC 2342), such as "INBOX."."""
    if "NAMESPACE" not in session.capabilities():
        return name
    (answer,) = session.ask(b"NAMESPACE")
    for parts in answer.of_kind(b"NAMESPACE"):
        told = list(tokens(parts))
        if [token.kind for token in told[:3]] == ["(", "(", "string"]:
            return _read(session, told[2].text) + name
    return name


def make(session: ImapSession, name: str) -> None:
    """Make a folder that is missing and subscribe to it, so that people see it; one that is there already is no error."""
    written = folder_name(name, session.name, utf8=session.utf8)
    created, _ = session.ask(b"CREATE " + written, b"SUBSCRIBE " + written)
    if not created.ok and created.code != "ALREADYEXISTS":
        (listed,) = session.ask(b'LIST "" ' + written)
        if not any(listed.of_kind(b"LIST")):
            raise said(session.name, f"CREATE of the folder {name!r}", created)


def _special(session: ImapSession) -> dict[bytes, str]:
    """Return the folders that the server has a use for, by their attribute in capitals."""
    extended = "SPECIAL-USE" in session.capabilities()
    (answer,) = session.ask(b'LIST (SPECIAL-USE) "" "*"' if extended else b'LIST "" "*"')
    found: dict[bytes, str] = {}
    for parts in answer.of_kind(b"LIST"):
        told = list(tokens(parts))
        closing = next((number for number, token in enumerate(told) if token.kind == ")"), 0)
        if closing and len(told) == closing + 3:
            for attribute in told[1:closing]:
                found.setdefault(attribute.text.upper(), _read(session, told[-1].text))
    return found


def _read(session: ImapSession, name: bytes) -> str:
    text = name.decode("utf-8", "replace")
    return text if session.utf8 else decode_utf7(text)
