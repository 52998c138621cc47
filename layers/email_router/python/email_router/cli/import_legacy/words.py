"""The names in the original Router's file, what each is here, and why some are nothing here.

From documentation: the tags of SystemConfiguration and ProviderOverrides ("Email router configuration XML file explained", MSDN CRM team
blog, 2008-07-02; "Enable tracing for Microsoft Dynamics 365 Email Router"), that a ProviderConfiguration is one provider, the provider
classes and their properties (MSDN, Microsoft.Crm.Tools.Email.Providers, CRM 4.0).  How a provider's server, account and mailboxes are
spelt stands in no public text that was found: several likely spellings are known, and any other is listed as unknown, never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fact(StrEnum):
    """What a provider's setting tells."""

    NAME = "name"
    CLASS = "class"
    ASSEMBLY = "assembly"
    DIRECTION = "direction"
    ENABLED = "enabled"
    SERVER_TYPE = "server type"
    SERVER = "server"
    URL = "url"
    PORT = "port"
    SSL = "ssl"
    AUTHENTICATION = "authentication"
    USER = "user"
    ACCESS = "access"
    ADDRESS = "address"
    AUTODISCOVER = "autodiscover"
    CRM = "crm"
    ORGANISATION = "organisation"
    DELETE = "delete"
    MOVE = "move"
    FORWARD = "forward"
    SINCE = "since"
    INCOMING = "incoming"
    OUTGOING = "outgoing"
    KIND = "kind"


_SPELT: dict[Fact, str] = {
    Fact.NAME: "name profilename profile displayname friendlyname",
    Fact.CLASS: "providerclass class classname",
    Fact.ASSEMBLY: "providerassembly assembly",
    Fact.DIRECTION: "direction",
    Fact.ENABLED: "enabled isenabled active",
    Fact.SERVER_TYPE: "servertype emailservertype",
    Fact.SERVER: "emailserver server servername host hostname location emailserverlocation exchangeserver smtpserver pop3server",
    Fact.URL: "emailserverurl exchangeurl ewsurl exchangewebserviceurl exchangewebservicesurl ewsendpoint",
    Fact.PORT: "emailport port networkport emailserverport",
    Fact.SSL: "emailusessl usessl ssl emailssl",
    Fact.AUTHENTICATION: "emailauthmode authmode authenticationtype authentication emailauthentication",
    Fact.USER: "emailuser user username emailusername login",
    Fact.ACCESS: "accesscredentials accesstype credentialtype accesscredentialtype",
    Fact.ADDRESS: "emailaddress mailbox mailboxaddress emailmailbox address email internalemailaddress",
    Fact.AUTODISCOVER: "useautodiscover autodiscover",
    Fact.CRM: "crmserverurl crmurl organizationurl deploymenturl targeturl crmserver",
    Fact.ORGANISATION: "organizationname orgname organization",
    Fact.DELETE: "deleteemails deletemessages deleteafterprocessing",
    Fact.MOVE: "moveemails moveundeliveredemails",
    Fact.FORWARD: "isforwardmailbox",
    Fact.SINCE: "thresholddatetime processemailsreceivedafter",
    Fact.INCOMING: "incomingprofile incoming",
    Fact.OUTGOING: "outgoingprofile outgoing",
    Fact.KIND: "type kind",
}
FACTS = {spelling: fact for fact, spellings in _SPELT.items() for spelling in spellings.split()}
"""The fact that a name tells, by the name in lower case."""

PROVIDERS = frozenset({"providerconfiguration", "provider"})
MAILBOXES = {"user": "user", "systemuser": "user", "queue": "queue", "forwardmailbox": "forward", "mailbox": "user"}
"""Elements that stand for a mailbox when they hold an address, and its kind."""

_HOLDING = (
    "configuration systemconfiguration provideroverrides providers providerconfigurations users queues mailboxes forwardmailboxes "
    "deployments deployment profiles profile"
)
CONTAINERS = frozenset(_HOLDING.split())
"""Elements that only hold others."""


class Left(StrEnum):
    """Why something is not in the configuration."""

    CREDENTIAL = "credential"
    PARAMETER = "parameter"
    TO_SET = "to_set"
    TO_CHECK = "to_check"
    NO_COUNTERPART = "no_counterpart"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Instead:
    """Why a setting is not carried over, and what to do; `divide` turns its milliseconds into a parameter's seconds."""

    kind: Left
    why: str
    parameter: str = ""
    divide: int = 0


def _none(why: str) -> Instead:
    return Instead(Left.NO_COUNTERPART, why)


_PACE = _none("the router takes as many messages as its time allows, and shares it evenly among mailboxes")
_INTERVAL = _none(
    "a mailbox is polled by how much mail it gets, between minimum_polling_interval and maximum_polling_interval of its profile"
)
_FUNCTIONS = _none(
    "nothing runs between two messages: AWS Lambda decides how many functions run, the stack's concurrencies bound them"
)
_LOG = _none("logs are in CloudWatch, and `email-router explain` tells of one message")

INSTEAD: dict[str, Instead] = {
    "maxthreads": _FUNCTIONS,
    "maxthreadexecution": _FUNCTIONS,
    "schedulingperiod": _none("the schedule runs every minute"),
    "configrefreshperiod": _none("a published version is read within ConfigUpdatePeriod"),
    "configupdateperiod": _none(
        "users and queues are those of the configuration; the stack's parameter of this name bounds how long a published one is cached"
    ),
    "loglevel": _LOG,
    "logfile": _LOG,
    "cachecapacity": _none("what was processed is remembered for ever"),
    "pendingstatusdelay": Instead(Left.PARAMETER, "how long a pending e-mail waits", "PendingStatusDelay", 1000),
    "sendingstatusdelay": Instead(
        Left.PARAMETER, "when an e-mail in sending counts as left behind", "SendingStatusDelay", 1000
    ),
    "maximumdeliveryattempts": Instead(Left.PARAMETER, "how often an e-mail is tried", "MaximumDeliveryAttempts", 1),
    "deliveryattempts": Instead(Left.PARAMETER, "how often an e-mail is tried", "MaximumDeliveryAttempts", 1),
    "ewsretrievemessagecount": _PACE,
    "batchsize": _PACE,
    "requestbatchsize": _PACE,
    "maxmessagecount": _PACE,
    "pollinginterval": _INTERVAL,
    "pollingperiod": _INTERVAL,
    "polling": _INTERVAL,
    "schedule": _INTERVAL,
    "messageexpiry": _none("mail is taken up however old it is, from process_received_after on"),
    "simulation": _none("there is no such mode: `email-router local` tries a configuration without changing a mailbox"),
    "simulationmode": _none(
        "there is no such mode: `email-router local` tries a configuration without changing a mailbox"
    ),
}
"""By the name in lower case: what the router does in its place."""

DEFAULTS = {
    "PendingStatusDelay": 300,
    "SendingStatusDelay": 1800,
    "MaximumDeliveryAttempts": 10,
}
"""The stack's parameters as they are when nobody gives them."""

LEAST = {"PendingStatusDelay": 60, "SendingStatusDelay": 360, "MaximumDeliveryAttempts": 1}
"""What the stack takes at least."""

_SECRET = ("password", "secret", "credential", "passphrase", "token", "encrypt", "certificate")


def is_secret(name: str) -> bool:
    """Tell whether a setting's value must not be shown, whatever it is."""
    folded = name.casefold()
    return folded not in FACTS and any(word in folded for word in _SECRET)
