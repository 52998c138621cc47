"""Make e-mails known that Dynamics 365 had before the router came, so that answers to them find their conversations."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from email_router.cli.backend import opened_for_change
from email_router.cli.output import tell
from email_router.cli.run.progress import live
from email_router.cli.shapes import instant
from email_router.core.errors import ConfigurationError
from email_router.core.flows import earlier_emails
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration_values import seconds

if TYPE_CHECKING:
    from email_router.cli.dynamics import DynamicsCrm
    from email_router.cli.place import Place

Json = dict[str, Any]


def make_known(state: Path, stack: str, organisation: str, age: str) -> Json:
    """Make the e-mails of this age and younger known; return how many were read, and how many an answer can find now.

    Repeatable.  Raises ConfigurationError for an age that is none, and where Dynamics 365 is not the CRM or matches by itself.
    """
    since = _since(age)
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        _refuse_where_vain(place)
        crm = cast("DynamicsCrm", backend.services.crm(place.configuration))
        read = known = 0
        with live("reading e-mails of Dynamics 365") as progress:
            for page in crm.earlier(since):
                read += len(page)
                known += earlier_emails.make_known(place.ledger, page, place.configuration.tracking, CLOCK.now())
                progress(f"{read} e-mails of Dynamics 365 read")
        backend.save()
    return {"since": instant(since), "read": read, "known": known}


def tell_known(known: Json | None) -> None:
    """Say it to a person; nothing where it was not asked for."""
    if known is not None:
        tell(
            f"{known['read']} e-mails of Dynamics 365 since {known['since']} read, answers find {known['known']} of them"
        )


def _since(age: str) -> datetime:
    try:
        return CLOCK.now() - timedelta(seconds=seconds(age))
    except (ValueError, OverflowError) as wrong:
        raise ConfigurationError(f"--emails {age}: {wrong}") from wrong


def _refuse_where_vain(place: Place) -> None:
    crm = place.configuration.crm
    if crm.kind != "dataverse":
        raise ConfigurationError("load-data reads Dynamics 365; the built-in CRM knows its own e-mails")
    if crm.decides:
        raise ConfigurationError(
            'deliver = "server": Dynamics 365 matches by itself and knows its e-mails; --emails is for deliver = "router"'
        )
