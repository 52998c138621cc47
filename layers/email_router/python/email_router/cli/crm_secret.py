"""The secret of a CRM beside a folder of state: where it comes from is kept there, and never the secret itself.

The embedded cloud's secrets end with the command that published them.  A later one, which must ask the CRM too, finds here the environment
variable or the certificate's file that the configuration names.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from email_router.core.errors import ConfigurationError
from email_router.core.settings import Configuration

FILE = "crm-secrets.json"


class Secrets(Protocol):
    """Where secrets are kept."""

    def put(self, name: str, text: str) -> None:
        """Write a secret."""


def remember(state: Path, file: Path, configuration: Configuration) -> None:
    """Keep where the CRM's secret of a configuration file that was loaded comes from; nothing where its CRM has none."""
    name = configuration.crm.options.get("secret", "")
    if not name or not state.is_dir():
        return
    given: Mapping[str, str] = tomllib.loads(file.read_text("utf-8"))["organisation"]["crm"]["credentials"]
    if certificate := given.get("certificate"):
        given = {"certificate": str((file.parent / certificate).resolve())}
    kept = _kept(state)
    if kept.get(name) != given:
        unfinished = (state / FILE).with_suffix(".unfinished")
        unfinished.write_text(json.dumps({**kept, name: dict(given)}))
        unfinished.replace(state / FILE)


@contextmanager
def lent(state: Path, secrets: Secrets) -> Iterator[None]:
    """Let the commands within have the secrets; one that lacks its secret is told where it was to come from (ConfigurationError)."""
    sources = _kept(state)
    for name, source in sources.items():
        if text := _text(source):
            secrets.put(name, text)
    try:
        yield
    except ConfigurationError as lacking:
        for name, source in sources.items():
            if name in str(lacking) and not _text(source):
                raise ConfigurationError(f"{lacking}; or {_way(source)}") from lacking
        raise


def _kept(state: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads((state / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return kept


def _text(source: Mapping[str, str]) -> str:
    if variable := source.get("env"):
        return os.environ.get(variable, "")
    with suppress(OSError, UnicodeDecodeError):
        return Path(source.get("certificate", "")).read_text("utf-8")
    return ""


def _way(source: Mapping[str, str]) -> str:
    if variable := source.get("env"):
        return f"set the environment variable {variable} for this command, too"
    return f"put the certificate back to {source.get('certificate', '')}"
