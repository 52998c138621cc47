"""Open the line to an organisation's Dataverse as its configuration describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_address import address_of
from email_router.edge.connect.dataverse_backoff import SharedBackOff
from email_router.edge.connect.dataverse_signing import application
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_dynamodb import DynamoDBClient

    from email_router.core.ports import Reach


def connected(
    options: Mapping[str, str],
    secret: str,
    reach: Reach,
    organisation: str,
    store: tuple[DynamoDBClient, str] | None = None,
    anew: Callable[[], str] | None = None,
) -> DataverseClient:
    """Return a client signed in as the application; nothing is asked yet.

    Its back-off is shared with all functions through the table of `store`; without one it has none (a command on a person's machine).  `anew`
    reads the secret as it is kept now, once a login was refused.

    Raises ConfigurationError when the address or an id is missing or none, MailboxBlocked "credentials" without a secret.
    """
    address = address_of(options.get("url", ""), reach, options.get("ca_pem", ""))
    way = application(
        address,
        tenant_id=options.get("tenant_id", ""),
        client_id=options.get("client_id", ""),
        secret=secret,
        organisation=organisation,
        authority=options.get("authority", ""),
        anew=anew,
    )
    gate = SharedBackOff(Table(*store), Keys(organisation)) if store else None
    return DataverseClient(address, way, organisation, gate)
