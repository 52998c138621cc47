"""Ask a deployed stack to collect an organisation's e-mails at once, as its CRM's webhook does."""

from __future__ import annotations

import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from email_router.cli import deployed
from email_router.cli.output import tell
from email_router.cli.place import Place
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.outgoing_nudges import ask_to_collect
from email_router.edge.stores.collects import LambdaCollects
from email_router.wiring.clock import CLOCK

_INDEX_SECONDS = 1.0
"""What waits to be sent is found in the built-in CRM by an index, which follows within a moment."""


def nudge(place: Place, stack: str) -> None:
    """Let what was just created leave now.  Where that may not be asked, the minute's tick does it, and this says so."""
    if place.configuration.crm.kind == "builtin":
        time.sleep(_INDEX_SECONDS)
    try:
        collects = LambdaCollects(lambda: boto3.client("lambda"), deployed.outputs(stack)["CollectOutgoingFunction"])
        ask_to_collect(place.services.outgoing_nudges(place.name), collects, place.name, CLOCK.now())
    except (RouterError, ConfigurationError, BotoCoreError, ClientError, KeyError) as trouble:
        tell(f"it leaves with the next minute, for it could not be asked for at once ({type(trouble).__name__})")
