"""Read and write passwords, client secrets and certificates in Secrets Manager."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from email_router.core.errors import ConfigurationError
from email_router.edge.connect.aws import code_of, translated

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_JUST_NOW = 10
_ABSENT = frozenset({"ResourceNotFoundException", "InvalidRequestException"})  # the second: marked for deletion


class SecretsManagerSecrets:
    """Secrets whose names begin with the stack's prefix; a process reads each at most once in `ttl` seconds unless it asks anew."""

    def __init__(
        self, client: SecretsManagerClient, prefix: str, ttl: float = 300, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._ttl = ttl
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}

    def get(self, name: str) -> str:
        """Return the secret's text, from memory while it is fresh.  Raises ConfigurationError when there is no such secret."""
        kept = self._kept.get(name)
        if kept and self._clock() - kept[0] < self._ttl:
            return kept[1]
        return self.refresh(name)

    def renewed(self, name: str) -> bool:
        """Read it anew, after a server refused it, and tell whether it is another; one that was read just now is not asked for again.

        So a thousand mailboxes of one profile whose password is wrong cost a call each ten seconds.
        """
        kept = self._kept.get(name)
        if kept and self._clock() - kept[0] < _JUST_NOW:
            return False
        return self.refresh(name) != (kept[1] if kept else None)

    def refresh(self, name: str) -> str:
        """Read the secret anew, whatever is kept of it."""
        self._kept.pop(name, None)
        with translated(f"secret {self._prefix}{name}"):
            try:
                answer = self._client.get_secret_value(SecretId=self._prefix + name)
            except ClientError as refused:
                if code_of(refused) in _ABSENT:
                    raise ConfigurationError(
                        f"secret {self._prefix}{name}: expected to exist, there is none; publish the configuration again"
                    ) from refused
                raise
        text = answer.get("SecretString") or answer.get("SecretBinary", b"").decode()
        self._kept[name] = (self._clock(), text)
        return text

    def put(self, name: str, text: str) -> None:
        """Write the secret, making it when there is none.  Repeatable."""
        self._kept.pop(name, None)
        with translated(f"secret {self._prefix}{name}"):
            try:
                self._client.put_secret_value(SecretId=self._prefix + name, SecretString=text)
            except ClientError as refused:
                if code_of(refused) != "ResourceNotFoundException":
                    raise
                self._client.create_secret(Name=self._prefix + name, SecretString=text)
