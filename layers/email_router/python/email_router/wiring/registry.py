"""Which adapter serves which kind of server: strings, so that an adapter is imported only when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.core.errors import ConfigurationError
from email_router.edge.connect.importing import in_turn

if TYPE_CHECKING:
    from email_router.core.mailbox import Profile

SOURCES = {
    "pop3": "email_router.edge.sources.pop3:Pop3Source",
    "imap": "email_router.edge.sources.imap:ImapSource",
    "exchange-online": "email_router.edge.sources.graph:GraphSource",
    "exchange": "email_router.edge.sources.ews:EwsSource",
}
FORWARD = "email_router.edge.sources.forward:ForwardSource"
SENDERS = {
    "smtp": "email_router.edge.senders.smtp:SmtpSender",
    "ses": "email_router.edge.senders.ses:SesSender",
    "exchange-online": "email_router.edge.senders.graph:GraphSender",
    "exchange": "email_router.edge.senders.ews:EwsSender",
}
SES_PACE = "email_router.edge.senders.ses_pace:SesPace"
SES_SUPPRESSION = "email_router.edge.senders.ses_suppression:SesSuppression"
SUBSCRIPTIONS = {
    "exchange-online": "email_router.edge.connect.graph_subscriptions:GraphSubscriptions",
}
RULES = {
    "exchange-online": "email_router.edge.rules.graph:GraphInboxRules",
    "exchange": "email_router.edge.rules.ews:EwsInboxRules",
}
PROBES = {
    "smtp": "email_router.edge.probes.smtp:log_in",
    "ses": "email_router.edge.probes.ses:log_in",
    "exchange-online": "email_router.edge.probes.graph:log_in",
    "exchange": "email_router.edge.probes.ews:log_in",
}
CRMS = {
    "builtin": "email_router.edge.crm.builtin:BuiltinCrm",
    "dataverse": "email_router.edge.crm.dataverse:DataverseCrm",
}
DATAVERSE_SERVER = "email_router.edge.crm.dataverse_server:DataverseServerCrm"
"""Serves a Dataverse that matches by itself (deliver = "server")."""
SETTINGS = {"dataverse": "email_router.edge.crm.dataverse_settings:DataverseSettings"}
DATAVERSE = "email_router.edge.connect.dataverse_connection:connected"


def adapter(table: dict[str, str], kind: str) -> Any:  # noqa: ANN401 - the contract tests load every line and hold it to its port
    """Return the class that serves this kind.  Raises ConfigurationError when there is none, or when it cannot be loaded."""
    if kind not in table:
        known = ", ".join(sorted(table))
        raise ConfigurationError(f"no adapter serves {kind!r}: expected one of {known}")
    return load(table[kind])


def kind_of(profile: Profile) -> str:
    """Return which line of the tables serves a profile: Exchange Online by EWS is read and sent by as an Exchange server."""
    return "exchange" if profile.protocol == "ews" else profile.server


def load(place: str) -> Any:  # noqa: ANN401 - as above
    """Return the object at "module:name"."""
    module, _, name = place.partition(":")
    try:
        return getattr(in_turn(module), name)
    except ImportError as missing:
        raise ConfigurationError(
            f"the adapter {place} cannot be loaded ({missing}): is its layer attached?"
        ) from missing
