"""`email-router diff` and `email-router rollback`: what a publication would change, and an earlier version in force again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import Backend, opened, opened_for_change
from email_router.cli.changes import Change, changes
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, table, warn
from email_router.cli.show import shown
from email_router.core.errors import ConfigurationError
from email_router.core.settings import Configuration
from email_router.wiring.configuration import Loaded, load
from email_router.wiring.publishing import continuing

_LONGEST = 200


def diff(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration (TOML).")],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
) -> None:
    """Show what `publish FILE` would change, and change nothing."""
    loaded = load(file)
    with opened(state, stack) as backend:
        before = backend.organisation(loaded.configuration.organisation).configuration
    after, notes = continuing(loaded.configuration, before)
    warn((*loaded.warnings, *notes))
    found = changes(shown(before), shown(after))
    if json:
        print_json({"organisation": before.organisation, "version": before.version, "changes": _json(found)})
    else:
        _print(f"{before.organisation}, version {before.version}", found)


def rollback(
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A version that was published before.")],
    *,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Put an earlier version into force again, as a version of its own.

    Passwords and other secrets stay as they are now: only the newest of each is kept.  Prefixes of tokens that came since go on to match.
    """
    with opened_for_change(state, stack) as backend:
        before = backend.organisation(organisation).configuration
        published = backend.publish(Loaded(_earlier(backend, before, version)))
        backend.save()
    warn(published.warnings)
    found = changes(shown(before), shown(published.configuration))
    if json:
        told = {"organisation": published.organisation, "version": published.version, "from": version}
        print_json({**told, "changes": _json(found)})
        return
    _print(f"{published.organisation}, version {before.version}", found)
    console().print(
        f"{published.organisation}: version {published.version} is in force, as version {version} was", markup=False
    )


def _earlier(backend: Backend, now: Configuration, version: int) -> Configuration:
    kept = backend.services.configurations.versions(now.organisation)
    if version not in kept:
        known = ", ".join(map(str, kept))
        raise ConfigurationError(f"{now.organisation}: version {version} is not kept; kept are {known}")
    return replace(backend.services.configurations.version(now.organisation, version), version=0)


def _json(found: Sequence[Change]) -> list[dict[str, object]]:
    return [asdict(one) for one in found]


def _print(title: str, found: Sequence[Change]) -> None:
    rows = [(one.path, _short(one.before), _short(one.after)) for one in found]
    table(f"Changes of {title}", ("what", "before", "after"), rows)


def _short(value: object) -> str:
    """Return the value as words of a table's cell; a certificate is known by its length."""
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
