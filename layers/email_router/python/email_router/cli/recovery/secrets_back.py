"""Put secrets of a backup back where there are none of their names: one that stands may have been changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping

from email_router.cli.recovery.archive import Archive
from email_router.cli.recovery.merging import Outcome
from email_router.cli.recovery.records import SECRET
from email_router.core.errors import ConfigurationError
from email_router.wiring.services import Services


def put_secrets_back(
    services: Services, organisation: str, archive: Archive, *, passwords: bool, dry: bool
) -> Mapping[str, Outcome]:
    """Return what became of each; `passwords` says that the stores keep passwords of single mailboxes: a folder of state does not."""
    done: dict[str, Outcome] = {}
    for _, content in archive.records(SECRET):
        found: dict[str, str] = json.loads(content)
        if mailbox := found.get("mailbox"):
            outcome = (
                _password(services, organisation, mailbox, found["text"], dry=dry) if passwords else Outcome.SKIPPED
            )
            done[f"password of {mailbox}"] = outcome
        else:
            done[found["name"]] = _secret(services, found["name"], found["text"], dry=dry)
    return done


def _secret(services: Services, name: str, text: str, *, dry: bool) -> Outcome:
    try:
        services.secrets.refresh(name)
    except ConfigurationError:
        if not dry:
            services.secrets.put(name, text)
        return Outcome.ADDED
    return Outcome.KEPT


def _password(services: Services, organisation: str, mailbox: str, text: str, *, dry: bool) -> Outcome:
    stored = services.mailbox_passwords(organisation)
    if stored.has(mailbox):
        return Outcome.KEPT
    if not dry:
        stored.put(mailbox, text)
    return Outcome.ADDED
