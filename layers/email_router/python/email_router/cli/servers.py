"""Reach the mail servers of a configuration from this machine: of a file, of the embedded cloud's state, or of a deployed stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from email_router.cli.backend import PARAMETERS, opened
from email_router.cli.kept_passwords import KeptPasswords
from email_router.cli.output import warn
from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.inbox_rules import InboxRules
from email_router.core.mailbox import Direction, Mailbox, MailboxKind, Profile
from email_router.core.parse import parse
from email_router.core.ports import MailSender, MailSource, Reach
from email_router.core.settings import Configuration
from email_router.wiring import coexistence, registry
from email_router.wiring.configuration import Loaded, load
from email_router.wiring.passwords import MailboxPasswords, NoPasswords, secret_of
from email_router.wiring.services import Services

REACH = Reach(loopback=True, private=tuple(PARAMETERS["AllowedNetworks"].split(",")))
"""On a person's own machine, its own networks may be reached."""


@dataclass(frozen=True)
class MailServers:
    """The servers that a configuration names.  What cannot be opened blocks its mailbox and no other."""

    configuration: Configuration
    secret_of: Callable[[Profile], str]
    ses_configuration_set: str = ""
    crm_secret: Callable[[], str] = lambda: ""
    """The secret by which the CRM is asked whether it serves mailboxes itself."""
    passwords: MailboxPasswords = field(default_factory=NoPasswords)
    """Passwords that were set for single mailboxes."""

    @cached_property
    def served_twice(self) -> Mapping[str, tuple[Direction, ...]]:
        """Which directions of which mailbox the CRM serves, too; asked once.  Raises what asking raises."""
        return coexistence.served_twice(self.configuration, self.crm_secret(), REACH)

    def rules(self, profile: Profile, mailbox: Mailbox, *, replace_outlook_rules: bool) -> InboxRules:
        """Open the mailbox's inbox rules."""
        rules: InboxRules = self._made(registry.RULES, profile, mailbox, replace_outlook_rules=replace_outlook_rules)
        return rules

    def source(self, profile: Profile, mailbox: Mailbox, reach: Reach = REACH) -> MailSource:
        """Open the mailbox for reading."""
        source: MailSource = self._made(registry.SOURCES, profile, mailbox, reach)
        if mailbox.kind is MailboxKind.FORWARD:
            source = registry.load(registry.FORWARD)(source, profile, parse)
        return source

    def sender(self, profile: Profile, mailbox: Mailbox, reach: Reach = REACH) -> MailSender:
        """Open the way out of the mailbox's e-mails."""
        more = {"configuration_set": self.ses_configuration_set} if profile.server == "ses" else {}
        sender: MailSender = self._made(registry.SENDERS, profile, mailbox, reach, **more)
        return sender

    def probe(self, profile: Profile, mailbox: Mailbox, reach: Reach = REACH) -> str:
        """Log in to the way out without sending; return in words what was seen."""
        return str(self._made(registry.PROBES, profile, mailbox, reach))

    def _made(
        self,
        table: dict[str, str],
        profile: Profile,
        mailbox: Mailbox,
        reach: Reach = REACH,
        **more: Any,  # noqa: ANN401 - as registry.adapter
    ) -> Any:  # noqa: ANN401 - as above
        try:
            make = registry.adapter(table, registry.kind_of(profile))
            secret = secret_of(profile, mailbox, self.passwords, lambda: self.secret_of(profile))
            return make(profile, mailbox, secret, reach, **more)
        except ConfigurationError as wrong:
            mend = "Mend the configuration and publish it."
            raise MailboxBlocked(f"{mailbox.address}: {wrong}", kind="configuration", mend=mend) from wrong


@contextmanager
def opened_servers(config: Path | None, state: Path, stack: str, organisation: str) -> Iterator[MailServers]:
    """Open what the options name.  Raises ConfigurationError when that is nothing, or two things."""
    if config is None:
        with opened(state, stack) as backend:
            place = backend.organisation(organisation)
            services = place.services

            def of_profile(profile: Profile) -> str:
                return _kept(services, profile, in_a_state=not stack)

            options, sets = place.configuration.crm.options, services.environment.ses_configuration_set
            yield MailServers(
                place.configuration,
                of_profile,
                sets,
                lambda: services.secrets.get(options["secret"]) if "secret" in options else "",
                services.mailbox_passwords(place.name),
            )
        return
    if stack:
        raise ConfigurationError("--config and --stack: give one of them; a stack has its configuration published")
    loaded = load(config)
    warn(loaded.warnings)
    name = loaded.configuration.crm.options.get("secret", "")
    yield MailServers(
        loaded.configuration,
        lambda profile: _given(loaded, profile),
        crm_secret=lambda: loaded.secrets.get(name, ""),
        passwords=KeptPasswords(state, loaded.configuration.organisation),
    )


def _kept(services: Services, profile: Profile, *, in_a_state: bool) -> str:
    if not profile.secret:
        return ""
    try:
        return services.secrets.get(profile.secret)
    except ConfigurationError as absent:
        if not in_a_state:
            raise
        raise ConfigurationError(
            f"profile {profile.name}: a state folder keeps no passwords: give the configuration with --config FILE, or "
            "try again while `email-router local` runs on the folder"
        ) from absent


def _given(loaded: Loaded, profile: Profile) -> str:
    if profile.secret and profile.secret not in loaded.secrets:
        raise ConfigurationError(
            f"profile {profile.name}: its secret {profile.secret} is kept by a stack: name that with --stack instead of --config, "
            'or give `credentials = { env = "…" }`'
        )
    return loaded.secrets.get(profile.secret, "")
