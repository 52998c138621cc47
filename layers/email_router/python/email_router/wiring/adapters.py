"""Open the sources and senders that an organisation's configuration names."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from email_router.core import counters
from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError
from email_router.core.mailbox import Mailbox, MailboxKind, Profile
from email_router.core.parse import parse
from email_router.core.ports import MailSender, MailSource, Meters
from email_router.core.subscriptions import SubscriptionService
from email_router.wiring import registry
from email_router.wiring.clock import CLOCK
from email_router.wiring.environment import Environment
from email_router.wiring.passwords import secret_of
from email_router.wiring.services import Services


@dataclass(frozen=True, slots=True)
class Adapters:
    """Opens the adapters of one organisation as its configuration names them."""

    organisation: str
    services: Services
    environment: Environment
    meters: Meters

    def source(self, profile: Profile, mailbox: Mailbox) -> MailSource:
        """Open the mailbox's source.  What cannot be opened blocks this mailbox and no other."""
        try:
            make = registry.adapter(registry.SOURCES, registry.kind_of(profile))
            source: MailSource = make(profile, mailbox, self._secret(profile, mailbox), self.environment.reach)
            if mailbox.kind is MailboxKind.FORWARD:
                source = registry.load(registry.FORWARD)(source, profile, parse)
        except ConfigurationError as wrong:
            raise self._not_loaded(mailbox, wrong) from wrong
        return source

    def sender(self, profile: Profile, mailbox: Mailbox) -> MailSender:
        """Open the way out of the mailbox's e-mails."""
        try:
            make = registry.adapter(registry.SENDERS, registry.kind_of(profile))
            secret = self._secret(profile, mailbox)
            if profile.server == "ses":
                pace = partial(registry.load(registry.SES_PACE), shared=self.services.send_pace, now=CLOCK.now)
                suppression = partial(registry.load(registry.SES_SUPPRESSION), shared=self.services.suppressed)
                sender: MailSender = make(
                    profile,
                    mailbox,
                    secret,
                    self.environment.reach,
                    configuration_set=self.environment.ses_configuration_set,
                    pace=pace,
                    suppression=suppression,
                )
            else:
                sender = make(profile, mailbox, secret, self.environment.reach)
        except ConfigurationError as wrong:
            raise self._not_loaded(mailbox, wrong) from wrong
        return sender

    def subscriptions(self, profile: Profile, mailbox: Mailbox) -> SubscriptionService:
        """Open who makes the mailbox's subscriptions."""
        try:
            make = registry.adapter(registry.SUBSCRIPTIONS, registry.kind_of(profile))
            secret = self._secret(profile, mailbox)
            service: SubscriptionService = make(profile, mailbox, secret, self.environment.reach)
        except ConfigurationError as wrong:
            raise self._not_loaded(mailbox, wrong) from wrong
        return service

    def renewed(self, profile: Profile) -> bool:
        """Read the secret of a profile anew, which a server refused; tell whether it is another, as far as that can be told now."""
        with suppress(RouterError, ConfigurationError):
            return bool(profile.secret) and self.services.secrets.renewed(profile.secret)
        return False

    def _secret(self, profile: Profile, mailbox: Mailbox) -> str:
        secrets, passwords = self.services.secrets, self.services.mailbox_passwords(self.organisation)
        return secret_of(profile, mailbox, passwords, lambda: secrets.get(profile.secret) if profile.secret else "")

    def _not_loaded(self, mailbox: Mailbox, wrong: ConfigurationError) -> MailboxBlocked:
        self.meters.count(counters.PROVIDER_LOAD_FAILURES)
        mend = "Mend the configuration and publish it."
        return MailboxBlocked(f"{mailbox.address}: {wrong}", kind="configuration", mend=mend)
