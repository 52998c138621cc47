"""The made-up world of the demo: an organisation, its mailboxes, the people who write to it."""

from __future__ import annotations

from dataclasses import dataclass

ORGANISATION = "contoso"
SALES = "sales@contoso.example"
ANN = "ann@contoso.example"
BOB = "bob@contoso.example"
IDA = "ida@contoso.example"
SUPPORT = "support@contoso.example"
ROUTER = "router@contoso.example"
AUTHSERV = "mx.contoso.example"
"""The organisation's own mail exchanger: only its Authentication-Results count."""

CARLA = "carla@fabrikam.example"
EMIL = "emil@adventure-works.example"
DORA = "dora@northwind.example"
GITA = "gita@tailspin.example"
KAI = "kai@alpine.example"
LENA = "lena@coho.example"
HUGO = "hugo@wingtip.example"
MOVED = "moved.away@fabrikam.example"
CLOSED = "closed.account@northwind.example"
STRANGER = "offers@bargains.example"

NAMES = {
    SALES: "Contoso Sales",
    ANN: "Ann Archer",
    BOB: "Bob Brandt",
    IDA: "Ida Iversen",
    SUPPORT: "Contoso Support",
    KAI: "Kai Lindqvist",
    LENA: "Lena Okafor",
    CARLA: "Carla Reyes",
    EMIL: "Emil Ekström",
    DORA: "Dora Dvořák",
    GITA: "Gita Rao",
    HUGO: "Hugo Nakamura",
    STRANGER: "Unbeatable Offers",
}

RECORDS = (
    ("contact", CARLA, "Carla Reyes", ANN),
    ("contact", EMIL, "Emil Ekström", ANN),
    ("contact", DORA, "Dora Dvořák", BOB),
    ("contact", KAI, "Kai Lindqvist", IDA),
    ("contact", LENA, "Lena Okafor", ANN),
    ("lead", GITA, "Gita Rao", BOB),
    ("account", HUGO, "Wingtip Toys", ANN),
    ("account", "office@fabrikam.example", "Fabrikam Inc.", ANN),
)
"""Rows of the CRM: kind, address, name, owner."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the demo's servers listen, and as whom the router logs in to Graph, Dataverse and the Exchange server.

    Without an address of Dataverse the CRM is the built-in one.
    """

    pop3_tls_port: int
    smtp_port: int
    graph_url: str
    tenant: str
    client: str
    exchange_port: int
    exchange_user: str
    dataverse_url: str = ""


_BUILTIN = 'kind = "builtin"\n'


def configuration(servers: Servers, crm: str = _BUILTIN) -> str:
    """Return the configuration file of the demo; `crm` is what stands in its table of the CRM."""
    return f"""
[organisation]
name = "{ORGANISATION}"

[organisation.tracking]
smart_matching = true

[organisation.crm]
{crm}
[[profiles]]
name = "pop3-in"
direction = "incoming"
server = "pop3"
host = "localhost"
port = {servers.pop3_tls_port}
security = "tls"
ca_bundle = "ca.pem"
authentication = "clear-text"
credentials = {{ env = "DEMO_POP3_PASSWORD" }}
authserv_id = "{AUTHSERV}"
{_microsoft(servers)}
[[profiles]]
name = "smtp-out"
direction = "outgoing"
server = "smtp"
host = "localhost"
port = {servers.smtp_port}
security = "starttls"
ca_bundle = "ca.pem"
authentication = "clear-text"
username = "router"
credentials = {{ env = "DEMO_SMTP_PASSWORD" }}

[[profiles]]
name = "ses-out"
direction = "outgoing"
server = "ses"

[[mailboxes]]
address = "{SALES}"
name = "Contoso Sales"
kind = "queue"
incoming = "pop3-in"
outgoing = "smtp-out"
accept = "all"
owner = "{ANN}"

[[mailboxes]]
address = "{ANN}"
name = "Ann Archer"
kind = "user"
incoming = "online"
outgoing = "ses-out"
accept = "contacts"

[[mailboxes]]
address = "{IDA}"
name = "Ida Iversen"
kind = "user"
incoming = "online"
outgoing = "online-out"
accept = "contacts"

[[mailboxes]]
address = "{SUPPORT}"
name = "Contoso Support"
kind = "queue"
incoming = "exchange-in"
outgoing = "exchange-out"
accept = "all"
owner = "{ANN}"

[[mailboxes]]
address = "{BOB}"
name = "Bob Brandt"
kind = "user"
outgoing = "smtp-out"
accept = "contacts"

[[mailboxes]]
address = "{ROUTER}"
name = "Forward mailbox"
kind = "forward"
incoming = "pop3-in"
"""


def _microsoft(servers: Servers) -> str:
    """Return the profiles of Exchange Online and of the Exchange server, both ways."""
    return (
        _online(servers, "online", "incoming")
        + _online(servers, "online-out", "outgoing")
        + _exchange(servers, "exchange-in", "incoming")
        + _exchange(servers, "exchange-out", "outgoing")
    )


def _online(servers: Servers, name: str, direction: str) -> str:
    """Return a profile of Exchange Online: an application by Graph."""
    return f"""
[[profiles]]
name = "{name}"
direction = "{direction}"
server = "exchange-online"
protocol = "graph"
tenant_id = "{servers.tenant}"
client_id = "{servers.client}"
ca_bundle = "ca.pem"
credentials = {{ env = "DEMO_GRAPH_SECRET" }}
endpoint = "{servers.graph_url}"
authority = "{servers.graph_url}"
"""


def _exchange(servers: Servers, name: str, direction: str) -> str:
    """Return a profile of the Exchange server: a service account that impersonates the mailboxes, by NTLM."""
    return f"""
[[profiles]]
name = "{name}"
direction = "{direction}"
server = "exchange"
host = "localhost"
port = {servers.exchange_port}
ca_bundle = "ca.pem"
authentication = "windows"
username = '{servers.exchange_user}'
credentials = {{ env = "DEMO_EXCHANGE_PASSWORD" }}
access = "impersonation"
"""
