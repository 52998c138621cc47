"""Turn the tables of a configuration file into what the functions read."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from email_router.core.following import FOLLOWABLE
from email_router.core.mailbox import Accept, AfterDelivery, Mailbox, MailboxKind, Profile, Security
from email_router.core.settings import Configuration, CrmSettings, Follows, Tracking
from email_router.wiring.configuration_models import (
    ConfigurationFile,
    CredentialsTable,
    CrmTable,
    MailboxTable,
    ProfileTable,
)
from email_router.wiring.configuration_problems import Problem

PORTS = {
    ("pop3", Security.TLS): 995,
    ("pop3", Security.STARTTLS): 110,
    ("pop3", Security.NONE): 110,
    ("imap", Security.TLS): 993,
    ("imap", Security.STARTTLS): 143,
    ("imap", Security.NONE): 143,
    ("smtp", Security.TLS): 465,
    ("smtp", Security.STARTTLS): 587,
    ("smtp", Security.NONE): 25,
}


@dataclass
class Parts:
    """What becomes of the tables: the configuration, the secrets to publish with it, and what was found wrong on the way."""

    file: ConfigurationFile
    base: Path
    variables: Mapping[str, str]
    secrets: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def configuration(self) -> Configuration:
        """Return the configuration; `secrets`, `problems` and `warnings` are filled on the way."""
        profiles = tuple(self._profile(number, table) for number, table in enumerate(self.file.profiles))
        return Configuration(
            organisation=self.file.organisation.name,
            tracking=Tracking(**self.file.organisation.tracking.model_dump()),
            crm=self._crm(self.file.organisation.crm),
            profiles=profiles,
            mailboxes=tuple(_mailbox(table) for table in self.file.mailboxes),
            follows=_follows(self.file),
        )

    def _crm(self, table: CrmTable) -> CrmSettings:
        """Return the CRM's settings; its secret has a name that no profile's can be."""
        if table.kind == "builtin":
            return CrmSettings()
        here = ("organisation", "crm")
        options = {
            "url": table.url,
            "tenant_id": table.tenant_id,
            "client_id": table.client_id,
            "authority": table.authority,
            "ca_pem": self._pem((*here, "ca_bundle"), table.ca_bundle, private=False),
            "secret": self._crm_secret((*here, "credentials"), table.credentials),
            "deliver": "" if table.deliver == "router" else table.deliver,
        }
        return CrmSettings(
            kind=table.kind,
            options={name: text for name, text in options.items() if text},
            credentials_expire=table.credentials_expire or ends(self.secrets.get(options["secret"], "")),
        )

    def _crm_secret(self, here: tuple[str | int, ...], given: CredentialsTable | None) -> str:
        organisation = self.file.organisation.name
        if given is None:
            return ""
        if given.secret:
            return self._own_secret(here, given.secret)
        value = self._pem(here, given.certificate, private=True) or self.variables.get(given.env, "")
        if not value and given.env:
            text = (
                f"the environment variable {given.env} is not set; set it to the client secret of the app registration"
            )
            self.problems.append(Problem(here, text))
        name = f"{organisation}/crm/credentials"
        if value:
            self.secrets[name] = value
        return name

    def _own_secret(self, here: tuple[str | int, ...], name: str) -> str:
        organisation = self.file.organisation.name
        if not name.startswith(f"{organisation}/"):
            self.problems.append(
                Problem(here, f'`secret` must begin with the organisation\'s name: "{organisation}/…"')
            )
        return name

    def _profile(self, number: int, table: ProfileTable) -> Profile:
        kept = table.model_dump(exclude={"ca_bundle", "credentials", "certificate", "port", "protocol"})
        graph = table.server == "exchange-online"
        profile = Profile(
            **kept,
            port=table.port or PORTS.get((table.server, table.security), 0),
            protocol=table.protocol or ("graph" if graph else ""),
            ca_pem=self._pem(("profiles", number, "ca_bundle"), table.ca_bundle, private=False),
            secret=self._secret(number, table),
        )
        return replace(
            profile, credentials_expire=profile.credentials_expire or ends(self.secrets.get(profile.secret, ""))
        )

    def _secret(self, number: int, table: ProfileTable) -> str:
        """Return the name of the profile's secret; its value, where the file names it, is put aside for publishing."""
        organisation = self.file.organisation.name
        given = table.credentials
        here = ("profiles", number, "credentials")
        if given and given.secret:
            return self._own_secret(here, given.secret)
        value = self._value(here, number, table)
        if value is None:
            return ""
        twins = sum(other.name == table.name for other in self.file.profiles)
        name = f"{organisation}/{table.name}" + (f".{table.direction}" if twins > 1 else "")
        self.secrets[name] = value
        return name

    def _value(self, here: tuple[str | int, ...], number: int, table: ProfileTable) -> str | None:
        certificate = table.certificate or (table.credentials.certificate if table.credentials else "")
        if table.certificate and table.credentials:
            self.problems.append(Problem(here, "`credentials` and `certificate`: give one of them"))
        if certificate:
            return self._pem(("profiles", number, "certificate"), certificate, private=True) or None
        if not table.credentials:
            return None
        value = self.variables.get(table.credentials.env)
        if not value:
            self._missing(here, table)
        return value or None

    def _missing(self, here: tuple[str | int, ...], table: ProfileTable) -> None:
        """A profile in use must have its secret; one that no mailbox uses may wait."""
        variable = table.credentials.env if table.credentials else ""
        text = f"the environment variable {variable} is not set; set it to the password or secret of this profile"
        if any(table.name in (box.incoming, box.outgoing) for box in self.file.mailboxes):
            self.problems.append(Problem(here, text))
        else:
            self.warnings.append(f'profile "{table.name}", which no mailbox uses: {text}')

    def _pem(self, here: tuple[str | int, ...], name: str, *, private: bool) -> str:
        """Return the text of a PEM file that is named relative to the configuration file; a private key only where one is wanted."""
        if not name:
            return ""
        try:
            text = (self.base / name).read_text("ascii")
        except (OSError, UnicodeDecodeError) as failure:
            why = failure.strerror if isinstance(failure, OSError) else "not a PEM text"
            self.problems.append(Problem(here, f"`{here[-1]}`: cannot read {self.base / name}: {why}"))
            return ""
        if problem := _unfit(text, private=private):
            self.problems.append(Problem(here, f"`{here[-1]}`: {self.base / name} {problem}"))
            return ""
        return text


def _follows(file: ConfigurationFile) -> Follows:
    """Return which settings are the CRM's: of the parts that are followed, what the file does not say itself."""
    followed, organisation = file.organisation.crm.follow, file.organisation
    tracking = FOLLOWABLE - organisation.tracking.model_fields_set if "tracking" in followed else frozenset()
    boxes = [box for box in file.mailboxes if "mailboxes" in followed and box.kind is not MailboxKind.FORWARD]
    return Follows(
        parts=followed,
        tracking=tuple(sorted(tracking)),
        accept=tuple(box.address.casefold() for box in boxes if "accept" not in box.model_fields_set),
        approved=tuple(box.address.casefold() for box in boxes if "approved" not in box.model_fields_set),
    )


def ends(secret: str) -> datetime | None:
    """Return when the certificate in a secret's text ends; None where there is none, or none that can be read."""
    if "BEGIN CERTIFICATE" not in secret:
        return None
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - only where a certificate is published

    try:
        return min(one.not_valid_after_utc for one in load_pem_x509_certificates(secret.encode()))
    except ValueError:
        return None


def _unfit(pem: str, *, private: bool) -> str:
    """Say what is wrong with a PEM text, or nothing."""
    has_key = "PRIVATE KEY-----" in pem
    if private and not has_key:
        return "holds no private key: give the certificate with its key, as PEM"
    if not private and has_key:
        return "holds a private key: give the CA certificates only"
    if private:
        return "" if "BEGIN CERTIFICATE" in pem else "holds no certificate: give the certificate with its key, as PEM"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as failure:
        return f"holds no readable CA certificate (PEM): {getattr(failure, 'reason', None) or failure}"
    return ""


def _mailbox(table: MailboxTable) -> Mailbox:
    """Fill in what depends on the kind: a queue takes everything, a user replies; a forward mailbox is emptied."""
    forward = table.kind is MailboxKind.FORWARD
    kept = table.model_dump(exclude={"incoming", "outgoing", "accept", "after_delivery"})
    return Mailbox(
        **kept,
        incoming=table.incoming or None,
        outgoing=table.outgoing or None,
        accept=table.accept or (Accept.ALL if table.kind is MailboxKind.QUEUE else Accept.REPLIES),
        after_delivery=table.after_delivery or (AfterDelivery.DELETE if forward else AfterDelivery.LEAVE),
    )
