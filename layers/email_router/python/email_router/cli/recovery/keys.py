"""Make the key of one backup: from a passphrase by scrypt (RFC 7914), or by a KMS key that never leaves KMS.

What is needed to make the same key again stands in the file's header; what is secret does not.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from email_router.core.errors import ConfigurationError

PASSPHRASE = "passphrase"  # noqa: S105 - a word of the header
KMS = "kms"
SHORTEST = 12
"""Characters of a passphrase."""

COST = 2**17
"""scrypt's n: half a second and 128 MB for each guess."""

_DEAREST = 2**20
_CONTEXT = {"email-router": "backup"}
_KEY, _CHECK = 32, 16

Header = Mapping[str, Any]
"""Fields of the file's header, which is JSON."""


class FileKey(Protocol):
    """What a backup is locked by."""

    def new(self) -> tuple[bytes, Header]:
        """Return a fresh key of 32 bytes, and what the header says of it."""

    def again(self, header: Header) -> bytes:
        """Return the key of a header.  Raises ConfigurationError where this is not what the file was locked by."""


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase; `cost` is scrypt's n of new files."""

    text: str = field(repr=False)
    cost: int = COST

    def new(self) -> tuple[bytes, Header]:
        """Return a fresh key.  Raises ConfigurationError for a passphrase that is too short."""
        if len(self.text) < SHORTEST:
            raise ConfigurationError(f"the passphrase: expected {SHORTEST} characters or more, got {len(self.text)}")
        salt = os.urandom(16)
        key, check = self._derived(salt, self.cost)
        return key, {"key": PASSPHRASE, "salt": _text(salt), "n": self.cost, "check": _text(check)}

    def again(self, header: Header) -> bytes:
        """Return the key that the header was made with."""
        cost = header["n"]
        if not isinstance(cost, int) or not 1 < cost <= _DEAREST or cost & (cost - 1):
            raise ConfigurationError(
                f"the file asks for scrypt with n = {cost}: it was changed, or is no backup of ours"
            )
        key, check = self._derived(_bytes(header["salt"]), cost)
        if not bytes_eq(check, _bytes(header["check"])):
            raise ConfigurationError("the passphrase is not the one that the file was made with")
        return key

    def _derived(self, salt: bytes, cost: int) -> tuple[bytes, bytes]:
        made = Scrypt(salt=salt, length=_KEY + _CHECK, n=cost, r=8, p=1).derive(self.text.encode("utf-8"))
        return made[:_KEY], made[_KEY:]


def kms_client(region: str) -> Any:  # noqa: ANN401 - boto3's classes are made at run time
    """Return a client of KMS with the caller's own credentials, in this region or the usual one."""
    make = cast("Any", boto3.client)  # the stubs of KMS are not installed
    return make("kms", **({"region_name": region} if region else {}))


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A KMS key, by ARN (of whichever region), id or alias; empty: the one that the file names."""

    name: str = ""
    client: Callable[[str], Any] = kms_client

    def new(self) -> tuple[bytes, Header]:
        """Return a fresh data key; the header holds it encrypted, and the ARN of the key that can decrypt it."""
        with_client = self.client(_region(self.name))
        made = self._asked(
            lambda: with_client.generate_data_key(KeyId=self.name, KeySpec="AES_256", EncryptionContext=_CONTEXT)
        )
        return bytes(made["Plaintext"]), {"key": KMS, "arn": made["KeyId"], "data": _text(made["CiphertextBlob"])}

    def again(self, header: Header) -> bytes:
        """Return the key of the header; a replica in another region of a multi-Region key can be named instead of the file's."""
        name = self.name or str(header["arn"])
        with_client = self.client(_region(name))
        data = _bytes(header["data"])
        opened = self._asked(lambda: with_client.decrypt(CiphertextBlob=data, KeyId=name, EncryptionContext=_CONTEXT))
        return bytes(opened["Plaintext"])

    def _asked(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the SDK answers
        try:
            return call()
        except (BotoCoreError, ClientError) as refused:
            raise ConfigurationError(
                f"the KMS key {self.name or 'of the file'}: {refused}; check its ARN, the region and your permissions "
                "(kms:GenerateDataKey to back up, kms:Decrypt to restore)"
            ) from refused


def _region(name: str) -> str:
    """Return the region of an ARN, or an empty text."""
    parts = name.split(":")
    return parts[3] if len(parts) > 5 and parts[0] == "arn" else ""  # noqa: PLR2004 - the parts of an ARN


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text))
