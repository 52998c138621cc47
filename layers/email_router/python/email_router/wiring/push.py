"""Put together what looks after the subscriptions: a tick lists those that need something, the queue brings them one by one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from email_router.core.flows import subscriptions
from email_router.core.flows.keep_subscription import KeepSubscription
from email_router.core.flows.subscriptions import Stage, Step
from email_router.core.subscriptions import Subscriptions, SubscriptionWork
from email_router.wiring import answer
from email_router.wiring.adapters import Adapters
from email_router.wiring.clock import CLOCK
from email_router.wiring.environment import Environment
from email_router.wiring.observe import log, mailbox_digest, meters
from email_router.wiring.refreshes import Refreshes
from email_router.wiring.services import Services

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.settings import Configuration

_KEY_BYTES = 9
_VERSIONS = 5
"""How many other versions are looked through for mailboxes whose subscription is left: more are not published between two ticks."""


def renew_subscriptions(environment: Environment) -> Callable[[dict[str, Any], LambdaContext], Any]:
    """Return the function that queues the subscriptions that need something (on a tick), or looks after those of its orders."""
    renewal = _Renewal(Services(environment), environment)

    def run(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401 - one answer to SQS, another to a tick
        if "Records" in event:
            return answer.each(event, context, renewal.keep)
        return {"queued": renewal.queue()}

    return run


def subscription_work(body: dict[str, Any]) -> SubscriptionWork:
    """Return the order to look after a subscription.  Raises KeyError when the body is not one."""
    optional = (str(body.get(name) or "") for name in ("event", "subscription"))
    return SubscriptionWork(str(body["organisation"]), str(body["mailbox"]), *optional)


class _Renewal:
    def __init__(self, services: Services, environment: Environment) -> None:
        self._services = services
        self._environment = environment
        self._refreshed = Refreshes(services, meters)
        self._left: dict[str, tuple[int, Mapping[str, tuple[Mailbox, Profile]]]] = {}

    def queue(self) -> int:
        """Queue every mailbox whose subscription needs something; return how many."""
        count, stage = 0, self._stage()
        for organisation in self._services.configurations.organisations():
            configuration = self._refreshed.configuration(organisation)
            watched = (*subscriptions.watchable(configuration), *self._before(configuration))
            rows = self._rows(organisation).read_all(dict.fromkeys(watched))
            work = subscriptions.due(configuration, rows, stage, CLOCK.now())
            count += self._services.queues.put_subscriptions(work)
        return count

    def keep(self, body: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG002 - as answer.each calls it
        """Look after the subscription of one order; what goes wrong stands in its row, and a later tick brings it again."""
        work = subscription_work(body)
        configuration = self._refreshed.configuration(work.organisation)
        step, error = self._keeper(configuration).keep(work)
        who = mailbox_digest(work.mailbox)
        if error is not None:
            log.warning("subscription not kept", mailbox=who, step=step.value, told=work.event, kind=error.kind)
        elif step is not Step.LEAVE:
            log.info("subscription kept", mailbox=who, step=step.value, told=work.event)

    def _keeper(self, configuration: Configuration) -> KeepSubscription:
        organisation = configuration.organisation
        adapters = Adapters(organisation, self._services, self._environment, meters.of(organisation))
        return KeepSubscription(
            configuration=configuration,
            stage=self._stage(),
            clock=CLOCK,
            rows=self._rows(organisation),
            alerts=self._services.alerts(organisation),
            open_service=adapters.subscriptions,
            renewed=adapters.renewed,
            new_key=lambda: secrets.token_urlsafe(_KEY_BYTES),
            before=self._before(configuration),
        )

    def _before(self, configuration: Configuration) -> Mapping[str, tuple[Mailbox, Profile]]:
        """Return the mailboxes that one of the last versions subscribed to and this one does not; asked for once a version."""
        organisation, version = configuration.organisation, configuration.version
        known = self._left.get(organisation)
        if known is None or known[0] != version:
            kept = self._services.configurations
            others = [one for one in kept.versions(organisation) if one != version][:_VERSIONS]
            earlier = [kept.version(organisation, one) for one in others]
            known = self._left[organisation] = version, subscriptions.left_behind(configuration, earlier)
        return known[1]

    def _rows(self, organisation: str) -> Subscriptions:
        return self._services.subscriptions(organisation)

    def _stage(self) -> Stage:
        """Return what the stack gives; the secret is read once in some minutes, and not at all where there is no push."""
        environment = self._environment
        secret = self._services.notification_secret() if environment.notification_url else ""
        return Stage(environment.notification_url, secret, int(environment.subscription_minutes))
