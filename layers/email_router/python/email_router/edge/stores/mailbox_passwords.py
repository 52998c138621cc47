"""Keep passwords of single mailboxes in DynamoDB, encrypted by KMS: `ORG#o#MAILBOX#a | PASSWORD`.

The encryption context is organisation and mailbox: a ciphertext that is put into another mailbox's row cannot be opened there.  Which
mailboxes have such a password stands in one set (`ORG#o | PASSWORDS`, digests), so that the others cost no read of their own.  No password
is longer than KMS encrypts directly (4 KB), so there is no data key between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.edge.connect import transactions
from email_router.edge.connect.aws import code_of, translated
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys, digest
from email_router.edge.connect.transactions import Place

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PASSWORD = "PASSWORD"  # noqa: S105 - the name of a row
PASSWORDS = "PASSWORDS"
LONGEST = 4096
"""Bytes that KMS encrypts directly (KMS API reference, Encrypt)."""

_MARK = 16
_BREAKS = frozenset("\r\n\0")
_CLOSED = frozenset({
    "DisabledException",
    "IncorrectKeyException",
    "InvalidCiphertextException",
    "KMSInvalidStateException",
    "NotFoundException",
})  # fmt: skip


class Kms(Protocol):
    """What is asked of KMS."""

    def encrypt(self, *, KeyId: str, Plaintext: bytes, EncryptionContext: Mapping[str, str]) -> Any:  # noqa: ANN401, N803 - as boto3 has it
        """Return CiphertextBlob."""

    def decrypt(self, *, CiphertextBlob: bytes, EncryptionContext: Mapping[str, str]) -> Any:  # noqa: ANN401, N803 - as boto3 has it
        """Return Plaintext."""


class KmsMailboxPasswords:
    """The passwords of one organisation's mailboxes.

    A process asks at most once in `ttl` seconds which mailboxes have one; a password is decrypted once a process, and again when its row
    has changed or `ttl` is over.  `kms` is called with the first password.  `key` is needed to set one, not to read it.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        organisation: str,
        kms: Callable[[], Kms],
        key: str = "",
        *,
        ttl: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)
        self._kms = kms
        self._key = key
        self._ttl = ttl
        self._clock = clock
        self._marked: tuple[float, frozenset[str]] | None = None
        self._opened: dict[str, tuple[float, bytes, str]] = {}

    def has(self, mailbox: str) -> bool:
        """Tell whether the mailbox has a password of its own, as was known at most `ttl` seconds ago."""
        now = self._clock()
        if self._marked is None or now - self._marked[0] >= self._ttl:
            item = self._table.get(self._set_place) or {}
            self._marked = now, frozenset(item.get("mailboxes", ()))
        return mark_of(mailbox) in self._marked[1]

    def get(self, mailbox: str) -> str | None:
        """Return the mailbox's own password, or None.  One read; a new one holds at once.

        Raises MailboxBlocked "credentials" when it cannot be opened: the key is another one, or the ciphertext another mailbox's.
        """
        item = self._table.get(self._place(mailbox))
        if item is None:
            self._opened.pop(mailbox, None)
            return None
        sealed: bytes = item["password"]
        kept, now = self._opened.get(mailbox), self._clock()
        if kept and kept[1] == sealed and now - kept[0] < self._ttl:
            return kept[2]
        password = self._decrypted(mailbox, sealed)
        self._opened[mailbox] = now, sealed, password
        return password

    def put(self, mailbox: str, password: str) -> None:
        """Encrypt and keep the password in the place of an earlier one.  Repeatable; the row and its mark come together or not at all.

        Raises ConfigurationError for one that no server takes, or that is too long.
        """
        text = password.encode("utf-8")
        if not text or _BREAKS & set(password) or len(text) > LONGEST:
            raise ConfigurationError(
                f"{mailbox}: expected a password of 1 to {LONGEST} bytes without line breaks, got one of {len(text)} bytes"
            )
        with translated(f"KMS key of {self._keys.organisation}"):
            sealed: bytes = self._kms().encrypt(
                KeyId=self._key, Plaintext=text, EncryptionContext=self._context(mailbox)
            )["CiphertextBlob"]
        pk, sk = self._place(mailbox)
        row = transactions.put(self._table.name, {"pk": pk, "sk": sk, "password": sealed})
        transactions.write(self._table.client, [row, self._marking("ADD", mailbox)])
        self._forget(mailbox)

    def remove(self, mailbox: str) -> bool:
        """Remove the mailbox's own password; False when it has none.  Repeatable."""
        place = self._place(mailbox)
        known = self._table.get(place) is not None
        gone = transactions.delete(self._table.name, place)
        transactions.write(self._table.client, [gone, self._marking("DELETE", mailbox)])
        self._forget(mailbox)
        return known

    def _decrypted(self, mailbox: str, sealed: bytes) -> str:
        with translated(f"KMS key of {self._keys.organisation}"):
            try:
                answer = self._kms().decrypt(CiphertextBlob=sealed, EncryptionContext=self._context(mailbox))
            except ClientError as refused:
                if code_of(refused) not in _CLOSED:
                    raise
                raise MailboxBlocked(
                    f"{mailbox}: its own password cannot be decrypted, KMS answered {code_of(refused)}: expected one that was set "
                    "for this mailbox with this stack's key",
                    kind="credentials",
                    mend=f"Set it again: `email-router set-password {mailbox}`, or take it off with --remove.",
                ) from refused
        text: bytes = answer["Plaintext"]
        return text.decode("utf-8")

    def _context(self, mailbox: str) -> dict[str, str]:
        return {"organisation": self._keys.organisation, "mailbox": mailbox.casefold()}

    def _marking(self, how: str, mailbox: str) -> transactions.Action:
        values = {":mailboxes": frozenset({mark_of(mailbox)})}
        return transactions.update(self._table.name, self._set_place, f"{how} #mailboxes :mailboxes", values)

    def _forget(self, mailbox: str) -> None:
        self._marked = None
        self._opened.pop(mailbox, None)

    @property
    def _set_place(self) -> Place:
        return self._keys.own, PASSWORDS

    def _place(self, mailbox: str) -> Place:
        return self._keys.mailbox(mailbox), PASSWORD


def mark_of(mailbox: str) -> str:
    """Return what stands for the mailbox in the set of those that have a password."""
    return digest(mailbox.casefold())[:_MARK]
