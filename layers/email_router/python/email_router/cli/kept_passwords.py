"""Passwords of single mailboxes beside a folder of state: the embedded cloud's key ends with each run, so they are lent to the next one.

`mailbox-passwords.json` holds them encrypted, by organisation and mailbox; the key lies beside it in `mailbox-passwords.key`.  Both are for
their owner's eyes only: who can read the whole folder can read the passwords.  Killed at any moment, the file is the old or the new one.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from email_router.cli.output import tell
from email_router.core.errors import ConfigurationError
from email_router.wiring.services import Services

FILE = "mailbox-passwords.json"
KEY = "mailbox-passwords.key"
_NONCE = 12
_OWNER_ONLY = 0o600


class KeptPasswords:
    """The passwords of one organisation's mailboxes in a folder of state; an empty store where there is none."""

    def __init__(self, folder: Path, organisation: str) -> None:
        self._folder = folder
        self._organisation = organisation

    def has(self, mailbox: str) -> bool:
        """Tell whether the mailbox has one."""
        return mailbox.casefold() in self._kept().get(self._organisation, {})

    def get(self, mailbox: str) -> str | None:
        """Return the password, or None.  Raises ConfigurationError when it was encrypted by another key, or for another mailbox."""
        sealed = self._kept().get(self._organisation, {}).get(mailbox.casefold())
        if sealed is None:
            return None
        try:
            data = base64.b64decode(sealed)
            key = AESGCM((self._folder / KEY).read_bytes())
            return key.decrypt(data[:_NONCE], data[_NONCE:], self._context(mailbox)).decode()
        except (OSError, ValueError, InvalidTag) as closed:
            raise ConfigurationError(
                f"{self._folder / FILE}: the password of {mailbox} cannot be decrypted; set it again: `email-router set-password {mailbox}`"
            ) from closed

    def put(self, mailbox: str, password: str) -> None:
        """Keep the password in the place of an earlier one."""
        nonce = os.urandom(_NONCE)
        data = nonce + AESGCM(self._key()).encrypt(nonce, password.encode(), self._context(mailbox))
        self._write(mailbox, base64.b64encode(data).decode())

    def remove(self, mailbox: str) -> bool:
        """Remove the mailbox's password; False when it has none."""
        if not self.has(mailbox):
            return False
        self._write(mailbox, None)
        return True

    def mailboxes(self) -> tuple[str, ...]:
        """Return the mailboxes that have one."""
        return tuple(self._kept().get(self._organisation, {}))

    def _context(self, mailbox: str) -> bytes:
        return json.dumps([self._organisation, mailbox.casefold()]).encode()

    def _key(self) -> bytes:
        place = self._folder / KEY
        with suppress(FileNotFoundError):
            return place.read_bytes()
        _replace(place, AESGCM.generate_key(256))
        return place.read_bytes()

    def _kept(self) -> dict[str, dict[str, str]]:
        return kept(self._folder)

    def _write(self, mailbox: str, sealed: str | None) -> None:
        mine = dict(self._kept().get(self._organisation, {}))
        mine.pop(mailbox.casefold(), None)
        if sealed is not None:
            mine[mailbox.casefold()] = sealed
        _replace(self._folder / FILE, json.dumps({**self._kept(), self._organisation: mine}).encode())


def kept(folder: Path) -> dict[str, dict[str, str]]:
    """Return the encrypted passwords of a folder, by organisation and mailbox."""
    try:
        found: dict[str, dict[str, str]] = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as damaged:
        raise ConfigurationError(
            f"{folder / FILE} cannot be read; remove it and set the passwords again: `email-router set-password MAILBOX`"
        ) from damaged
    return found


def lend(folder: Path, services: Services) -> None:
    """Give the folder's passwords to the embedded cloud that was started on it; what cannot be read is told, and the rest is given."""
    try:
        owners = [(organisation, KeptPasswords(folder, organisation)) for organisation in kept(folder)]
    except ConfigurationError as damaged:
        tell(str(damaged))
        return
    for organisation, passwords in owners:
        for mailbox in passwords.mailboxes():
            try:
                services.mailbox_passwords(organisation).put(mailbox, passwords.get(mailbox) or "")
            except ConfigurationError as closed:
                tell(str(closed))


def _replace(place: Path, data: bytes) -> None:
    unfinished = place.with_suffix(place.suffix + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(place)
