"""What the router serves: mailboxes, and the profiles that say how they are reached."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MailboxKind(StrEnum):
    """A user's own mailbox, a queue's, or the forward mailbox that inbox rules send wrapped mail to."""

    USER = "user"
    QUEUE = "queue"
    FORWARD = "forward"


class Accept(StrEnum):
    """Which mail becomes an activity: the filter option 0-4 of users and queues (incomingemailfilteringmethod)."""

    ALL = "all"
    REPLIES = "replies"
    CONTACTS = "contacts"
    RECORDS = "records"
    NONE = "none"


class AutomaticMail(StrEnum):
    """What becomes of automatic replies, bulk mail or delivery reports about mail that is not ours.

    Unmatched, it is an activity of its own that continues nothing and makes no record.
    """

    DELIVER = "deliver"
    DELIVER_UNMATCHED = "deliver-unmatched"
    DROP = "drop"


class CreateSender(StrEnum):
    """Which record is made for a sender that the CRM does not know, when his mail becomes an activity."""

    NONE = "none"
    CONTACT = "contact"
    LEAD = "lead"


class DeliveryReports(StrEnum):
    """What becomes of delivery reports: attached to the e-mail they are about, or treated as any mail."""

    ATTACH = "attach"
    DELIVER = "deliver"


class AfterDelivery(StrEnum):
    """What happens in the mailbox to a message that was delivered."""

    LEAVE = "leave"
    MARK_READ = "mark-read"
    MOVE = "move"
    DELETE = "delete"


class Direction(StrEnum):
    """Which road a profile or an e-mail belongs to."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Security(StrEnum):
    """How a line is protected.  TLS is always verified."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Authentication(StrEnum):
    """How the router logs in; the words of the E-mail Router's Configuration Manager."""

    WINDOWS = "windows"
    CLEAR_TEXT = "clear-text"
    ANONYMOUS = "anonymous"
    OAUTH = "oauth"


_BY_PASSWORD = frozenset({Authentication.WINDOWS, Authentication.CLEAR_TEXT})
_SERVERS_WITH_PASSWORDS = frozenset({"pop3", "imap", "smtp", "exchange"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How mail is fetched from or sent by one kind of server.

    `server` is one of exchange-online, exchange, pop3, imap (incoming) or ses, smtp, exchange-online, exchange (outgoing).  Intervals are
    seconds, sizes bytes.  `ca_pem` is the text of a private CA bundle, empty for the public ones.  `secret` names the secret that holds the
    password, client secret or certificate; empty when none is needed.  `credentials_expire`: when that ends, where it is known.
    `authserv_id` is the one whose Authentication-Results count.
    `folders` are those that are read; none named means the inbox.  `push`: Exchange Online is asked to tell of new mail.
    `sender_rate` and `profile_rate` bound the e-mails that leave in a minute, of one mailbox and of all together; 0 bounds nothing.
    """

    name: str
    direction: Direction
    server: str
    protocol: str = ""
    host: str = ""
    port: int = 0
    security: Security = Security.TLS
    ca_pem: str = ""
    network: str = "public"
    authentication: Authentication = Authentication.CLEAR_TEXT
    username: str = ""
    secret: str = ""
    credentials_expire: datetime | None = None
    access: str = "own"
    minimum_polling_interval: int = 60
    maximum_polling_interval: int = 900
    process_received_after: datetime | None = None
    move_undelivered: bool = False
    keep_raw: bool = False
    maximum_message_size: int = 35 * 1024 * 1024
    maximum_attempts: int = 10
    tenant_id: str = ""
    client_id: str = ""
    cloud: str = "global"
    endpoint: str = ""
    authority: str = ""
    authserv_id: str = ""
    folders: tuple[str, ...] = ()
    immutable_ids: bool = False
    concurrency: int = 1
    push: bool = True
    sender_rate: int = 0
    profile_rate: int = 0

    def sends_through(self, address: str) -> str:
        """Return the mailbox whose drafts and rate a sender's e-mails take: by Graph `username` where access is not "own", else its own."""
        another = self.protocol == "graph" and self.access != "own"
        return self.username if another and self.username else address

    @property
    def takes_own_passwords(self) -> bool:
        """Tell whether each mailbox logs in as itself and with a password: then one that was set for it alone comes first."""
        as_itself = not self.username and self.access == "own"
        return as_itself and self.authentication in _BY_PASSWORD and self.server in _SERVERS_WITH_PASSWORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One mailbox of a user or a queue, or a forward mailbox.  `incoming` and `outgoing` name profiles, or are None."""

    address: str
    kind: MailboxKind = MailboxKind.USER
    name: str = ""
    incoming: str | None = None
    outgoing: str | None = None
    accept: Accept = Accept.REPLIES
    auto_reply: AutomaticMail = AutomaticMail.DROP
    bulk: AutomaticMail = AutomaticMail.DELIVER
    delivery_report: DeliveryReports = DeliveryReports.ATTACH
    unknown_delivery_report: AutomaticMail = AutomaticMail.DELIVER
    approved: bool = True
    create_sender: CreateSender = CreateSender.NONE
    after_delivery: AfterDelivery = AfterDelivery.LEAVE
    aliases: tuple[str, ...] = ()
    owner: str = ""

    @property
    def key(self) -> str:
        """The address as rows are found by it: case folded."""
        return self.address.casefold()

    @property
    def addresses(self) -> frozenset[str]:
        """The address and its aliases, case folded."""
        return frozenset({self.key, *(alias.casefold() for alias in self.aliases)})


def own_password_mend(address: str = "MAILBOX") -> str:
    """Return what a person does where a mailbox's password is missing or wrong."""
    alone = f"`email-router set-password {address}` sets one for this mailbox alone"
    return f"Set the profile's credentials and publish, or {alone}."


def secret_of_one(address: str, password: str) -> str:
    """Return the text of a secret that holds this one mailbox's password, whatever the password looks like."""
    return json.dumps({address: password})


def password_for(secret: str, address: str) -> str:
    """Return the password in a secret's text: the text itself, or the address's entry where it is a JSON object.

    Returns an empty string when the object has no entry for the address.
    """
    if not secret.lstrip().startswith("{"):
        return secret
    try:
        table = json.loads(secret)
    except ValueError:
        return secret
    entries = {str(name).casefold(): str(value) for name, value in table.items()}
    return entries.get(address.casefold(), "")
