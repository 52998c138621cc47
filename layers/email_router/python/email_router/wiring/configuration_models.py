"""The tables and fields of a configuration file, strictly: what is not named here is refused."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from email_router.core.earlier_prefixes import MOST as MOST_PREFIXES
from email_router.core.mailbox import (
    Accept,
    AfterDelivery,
    Authentication,
    AutomaticMail,
    CreateSender,
    DeliveryReports,
    Direction,
    MailboxKind,
    Security,
)
from email_router.core.noise import noise_defect
from email_router.wiring.configuration_values import seconds, size

ORGANISATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]#/]+")

Word = Field(strict=False)
Seconds = Annotated[int, BeforeValidator(seconds)]
Bytes = Annotated[int, BeforeValidator(size)]


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("expected one e-mail address such as sales@contoso.example")
    return text


def _printable(prefix: str) -> str:
    if not prefix.isprintable() or prefix != prefix.strip():
        raise ValueError("expected 1 to 20 printable characters without blanks around them")
    return prefix


def _zoned(instant: object) -> object:
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise ValueError("expected an instant with its zone such as 2026-11-01T00:00:00Z")
    return instant


Instant = Annotated[datetime, BeforeValidator(_zoned)]
Prefix = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(_printable)]
FolderName = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\r\n\x00]*$")]
Address = Annotated[str, Field(max_length=254), BeforeValidator(lambda text: _address(text) if text else text)]


class Table(BaseModel):
    """A table of the file: no field that is not named, no value silently turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TrackingTable(Table):
    """[organisation.tracking]: how e-mails of one conversation are recognised."""

    tokens: bool = True
    tokens_from: Literal["router", "crm"] = "router"
    correlation: bool = True
    smart_matching: bool = False
    prefix: Prefix = "CRM:"
    earlier_prefixes: tuple[Prefix, ...] = Field(default=(), strict=False, max_length=MOST_PREFIXES)
    forgotten_prefixes: tuple[Prefix, ...] = Field(default=(), strict=False)
    base: int = Field(default=0, ge=0, le=2_147_483_647)
    user_digits: int = Field(default=3, ge=1, le=10)
    counter_digits: int = Field(default=3, ge=1, le=9)
    unknown_sender: Literal["follow", "mark"] = "follow"
    changed_subject: Literal["follow", "new"] = "follow"
    acceptance: Literal["any-recipient", "syncing-mailbox"] = "any-recipient"
    internal_email: Literal["track", "ignore"] = "track"
    internal_email_to_queues: bool = True
    internal_email_from_queues: bool = True
    ambiguous_sender: Literal["first", "unresolved"] = "first"
    ambiguous_recipients: Literal["all", "unresolved"] = "all"
    maximum_subject_length: int = Field(default=255, ge=20, le=800)
    hash_max_count: int = Field(default=20, ge=0, le=1000)
    hash_delta_subject_count: int = Field(default=0, ge=0, le=2)  # more would need a look-up for every word
    hash_min_address_count: int = Field(default=2, ge=0, le=1000)
    hash_filter_keywords: str = Field(default=r"^[\s]*([\w]+\s?:[\s]*)+", max_length=250)
    smart_window_days: int = Field(default=90, ge=1, le=3650)

    @model_validator(mode="after")
    def _remembered(self) -> TrackingTable:
        for one in self.forgotten_prefixes:
            if one in {self.prefix, *self.earlier_prefixes}:
                raise ValueError(f"forgotten_prefixes names {one!r}, which prefix or earlier_prefixes names, too")
        return self

    @field_validator("hash_filter_keywords")
    @classmethod
    def _expression(cls, pattern: str) -> str:
        if defect := noise_defect(pattern):
            raise ValueError(defect)
        return pattern


class CredentialsTable(Table):
    """credentials = {…}: where a secret is found; never the secret itself."""

    env: str = ""
    secret: str = ""
    certificate: str = ""

    @model_validator(mode="after")
    def _one(self) -> CredentialsTable:
        if sum(map(bool, (self.env, self.secret, self.certificate))) != 1:
            raise ValueError('expected exactly one of { env = "VARIABLE" }, { secret = "organisation/name" }')
        return self


class CrmTable(Table):
    """[organisation.crm]: which CRM keeps the activities."""

    kind: Literal["builtin", "dataverse"] = "builtin"
    url: str = ""
    tenant_id: str = ""
    client_id: str = ""
    credentials: CredentialsTable | None = None
    authority: str = ""
    ca_bundle: str = ""
    deliver: Literal["router", "server"] = "router"
    follow: tuple[Literal["tracking", "mailboxes"], ...] = Field(default=(), strict=False)
    credentials_expire: Instant | None = None


class OrganisationTable(Table):
    """[organisation]: whose configuration this is."""

    name: str
    tracking: TrackingTable = TrackingTable()
    crm: CrmTable = CrmTable()

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not ORGANISATION.fullmatch(name):
            raise ValueError("expected up to 63 letters, digits, dots, hyphens and underscores")
        return name


class ProfileTable(Table):
    """[[profiles]]: how mail is fetched from or sent by one kind of server."""

    name: str
    direction: Annotated[Direction, Word]
    server: Literal["exchange-online", "exchange", "pop3", "imap", "ses", "smtp"]
    protocol: Literal["", "graph", "ews"] = ""
    host: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    security: Annotated[Security, Word] = Security.TLS
    ca_bundle: str = ""
    network: Literal["public", "private"] = "public"
    authentication: Annotated[Authentication, Word] = Authentication.CLEAR_TEXT
    username: str = ""
    credentials: CredentialsTable | None = None
    certificate: str = ""
    credentials_expire: Instant | None = None
    access: Literal["own", "delegate", "impersonation"] = "own"
    minimum_polling_interval: Seconds = 60
    maximum_polling_interval: Seconds = 900
    process_received_after: Instant | None = None
    move_undelivered: bool = False
    keep_raw: bool = False
    maximum_message_size: Bytes = 35 * 1024 * 1024
    maximum_attempts: int = Field(default=10, ge=1, le=100)
    tenant_id: str = ""
    client_id: str = ""
    cloud: Literal["global", "usgov", "usgov-dod", "china"] = "global"
    endpoint: str = ""
    authority: str = ""
    authserv_id: str = ""
    folders: tuple[FolderName, ...] = Field(default=(), strict=False)
    immutable_ids: bool = False
    push: bool = True
    sender_rate: int = Field(default=0, ge=0, le=100_000)
    profile_rate: int = Field(default=0, ge=0, le=100_000)

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not PROFILE.fullmatch(name):
            raise ValueError("expected up to 63 letters, digits, dots, hyphens and underscores")
        return name


class MailboxTable(Table):
    """[[mailboxes]]: a user's or a queue's mailbox, or a forward mailbox."""

    address: Address = Field(min_length=3)
    kind: Annotated[MailboxKind, Word] = MailboxKind.USER
    name: str = ""
    incoming: str = ""
    outgoing: str = ""
    accept: Annotated[Accept, Word] | None = None
    auto_reply: Annotated[AutomaticMail, Word] = AutomaticMail.DROP
    bulk: Annotated[AutomaticMail, Word] = AutomaticMail.DELIVER
    delivery_report: Annotated[DeliveryReports, Word] = DeliveryReports.ATTACH
    unknown_delivery_report: Annotated[AutomaticMail, Word] = AutomaticMail.DELIVER
    approved: bool = True
    create_sender: Annotated[CreateSender, Word] = CreateSender.NONE
    after_delivery: Annotated[AfterDelivery, Word] | None = None
    aliases: tuple[Address, ...] = Field(default=(), strict=False)
    owner: Address = ""


class ConfigurationFile(Table):
    """The whole file."""

    organisation: OrganisationTable
    profiles: tuple[ProfileTable, ...] = Field(default=(), strict=False)
    mailboxes: tuple[MailboxTable, ...] = Field(default=(), strict=False)


TABLES: dict[tuple[str, ...], type[Table]] = {
    (): ConfigurationFile,
    ("organisation",): OrganisationTable,
    ("organisation", "tracking"): TrackingTable,
    ("organisation", "crm"): CrmTable,
    ("organisation", "crm", "credentials"): CredentialsTable,
    ("profiles",): ProfileTable,
    ("profiles", "credentials"): CredentialsTable,
    ("mailboxes",): MailboxTable,
}
"""Which table's fields stand at which path, list positions left out."""
