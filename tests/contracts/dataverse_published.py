"""A configuration whose CRM is the simulated Dataverse, and the services of a stack that it is published in."""

from __future__ import annotations

from email_router.wiring.environment import Environment
from email_router.wiring.services import GivenClients, Services
from tests.cloud import Place

FILE = """
[organisation]
name = "contoso"
[organisation.crm]
kind = "dataverse"
url = "{url}"
authority = "{url}"
tenant_id = "{tenant}"
client_id = "{client}"
credentials = {{ env = "DATAVERSE_SECRET" }}
ca_bundle = "ca.pem"
[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "smtp.contoso.example"
credentials = {{ env = "DATAVERSE_SECRET" }}
[[mailboxes]]
address = "office@contoso.example"
kind = "queue"
outgoing = "out"
"""


def services_of(place: Place) -> Services:
    environment = Environment(
        router_table=place.router,
        crm_table=place.crm,
        data_bucket=place.bucket,
        secret_prefix=place.prefix,
        outgoing_queue_url=place.outgoing_queue,
        allow_loopback=True,
        config_update_period=0,
    )
    given = place.clients
    return Services(environment, GivenClients(given.dynamodb, given.s3, given.sqs, given.secrets))
