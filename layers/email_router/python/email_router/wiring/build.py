"""Put the roads together: the adapters that the environment and the published configuration name, handed to the flows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from email_router.core import counters
from email_router.core.errors import RouterError, TryLater
from email_router.core.flows import schedule
from email_router.core.flows.collect_outgoing import CollectOutgoing
from email_router.core.flows.gauges import EVERY
from email_router.core.flows.incoming import Incoming
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.flows.send_email import SendEmail
from email_router.core.parse import parse
from email_router.core.settings import Configuration
from email_router.edge.stores import scratch
from email_router.wiring import events
from email_router.wiring.adapters import Adapters
from email_router.wiring.circuits import kept_back
from email_router.wiring.clock import CLOCK
from email_router.wiring.environment import Environment
from email_router.wiring.following import following
from email_router.wiring.gauges import tell_gauges
from email_router.wiring.observe import log, mailbox_digest, meters
from email_router.wiring.refreshes import Refreshes
from email_router.wiring.services import Services

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_RESERVE = 30.0
"""Seconds of a function's time that are kept for the last batch and the farewell."""


def schedule_mailboxes(environment: Environment) -> Callable[[dict[str, Any]], int]:
    """Return the function that queues a pass for every mailbox that is due, or for all when the event asks."""
    services = Services(environment)

    def run(event: dict[str, Any]) -> int:
        now = CLOCK.now()
        everybody = events.asks_for_all(event)
        mailboxes = services.schedule.mailboxes()
        work = schedule.requested(mailboxes) if everybody else schedule.due(mailboxes, now, kept_back(services, now))
        organisations = services.configurations.organisations()
        for organisation in organisations:
            meters.of(organisation).count(counters.SCHEDULING_CYCLES)
        queued = services.queues.put_mailboxes(work)
        if now.minute % EVERY == 0:
            tell_gauges(services, organisations, now)
        return queued

    return run


def route_mailbox(environment: Environment) -> Callable[[dict[str, Any], LambdaContext], None]:
    """Return the function that serves the mailbox of one order."""
    services = Services(environment)
    refreshed = Refreshes(services, meters)

    def run(body: dict[str, Any], context: LambdaContext) -> None:
        work = events.mailbox_work(body)
        configuration = refreshed.configuration(work.organisation)
        road = RouteMailbox(_incoming(services, environment, configuration, context.aws_request_id))
        summary = road.route(work, _stop_at(context, environment))
        if summary.error is not None:
            log.warning("mailbox not served", mailbox=mailbox_digest(summary.mailbox), kind=summary.error.kind)
        elif summary.handled:
            log.info("mailbox routed", mailbox=mailbox_digest(summary.mailbox), messages=summary.handled)
        if (proof := summary.proof) is not None:
            log.info(
                "mailbox reconciled",
                mailbox=mailbox_digest(summary.mailbox),
                messages=proof.messages,
                picked_up=len(proof.picked_up),
                done=proof.done,
            )

    return run


def collect_outgoing(environment: Environment) -> Callable[[Mapping[str, Any]], int]:
    """Return the function that queues the pending e-mails: of every organisation on a tick, of one where its CRM nudged.

    A CRM that cannot be asked keeps no other organisation's e-mails back: the next tick asks it again.  Trouble with a nudged one is the
    tick's to raise, a minute later.
    """
    services = Services(environment)
    refreshed = Refreshes(services, meters)

    def collect(organisation: str) -> int:
        configuration = refreshed.configuration(organisation)
        following(services, configuration, CLOCK).look()
        return CollectOutgoing(
            configuration=configuration,
            clock=CLOCK,
            meters=meters.of(organisation),
            crm=services.crm(configuration),
            queues=services.queues,
            delays=environment.delays,
            pace=services.collect_pace(organisation),
            circuits=services.circuits(organisation),
        ).collect()

    def run(event: Mapping[str, Any]) -> int:
        published = services.configurations.organisations()
        nudged = events.nudged_organisation(event)
        if not nudged:
            return _collected(published, collect)
        services.outgoing_nudges(nudged).clear()  # before anything is read: what comes from now on nudges anew
        with suppress(RouterError):
            return _collected([one for one in published if one == nudged], collect)
        return 0

    return run


def _collected(organisations: Iterable[str], collect: Callable[[str], int]) -> int:
    """Collect for each organisation.  Raises what somebody has to mend once all are done: the alarm on failed ticks tells."""
    count = 0
    blocked: list[RouterError] = []
    for organisation in organisations:
        try:
            count += collect(organisation)
        except RouterError as trouble:
            log.warning("e-mails not collected", organisation=organisation, kind=trouble.kind)
            if not isinstance(trouble, TryLater):
                blocked.append(trouble)
    if blocked:
        raise blocked[0]
    return count


def send_email(environment: Environment) -> Callable[[dict[str, Any], LambdaContext], None]:
    """Return the function that sends the e-mails of one order."""
    services = Services(environment)
    refreshed = Refreshes(services, meters)

    def run(body: dict[str, Any], context: LambdaContext) -> None:
        work = events.outgoing_work(body)
        configuration = refreshed.configuration(work.organisation)
        road = SendEmail(_outgoing(services, environment, configuration), context.aws_request_id)
        for sent in road.send(work, _stop_at(context, environment)):
            status = sent.status.value if sent.status else "not now"
            log.info("e-mail handled", activity=sent.activity, status=status)

    return run


def comparison_road(services: Services, environment: Environment, configuration: Configuration) -> RouteMailbox:
    """Return the incoming road of one organisation for a command that compares a mailbox with the ledger; nothing is counted."""
    return RouteMailbox(_incoming(services, environment, configuration))


def _incoming(
    services: Services, environment: Environment, configuration: Configuration, request: str = "by hand: email-router"
) -> Incoming:
    organisation = configuration.organisation
    counted = meters.of(organisation)
    adapters = Adapters(organisation, services, environment, counted)
    return Incoming(
        configuration=configuration,
        clock=CLOCK,
        meters=counted,
        states=services.states(organisation),
        ledger=services.ledger(organisation),
        quarantine=services.quarantine(organisation),
        crm=services.crm(configuration),
        alerts=services.alerts(organisation),
        outgoing=services.outgoing(organisation),
        blobs=services.blobs(organisation),
        queues=services.queues,
        open_source=adapters.source,
        renewed=adapters.renewed,
        parse=parse,
        timing=environment.timing,
        nudges=services.nudges(organisation),
        circuits=services.circuits(organisation),
        request=request,
    )


def _outgoing(services: Services, environment: Environment, configuration: Configuration) -> Outgoing:
    organisation = configuration.organisation
    counted = meters.of(organisation)
    adapters = Adapters(organisation, services, environment, counted)
    return Outgoing(
        configuration=configuration,
        clock=CLOCK,
        meters=counted,
        ledger=services.ledger(organisation),
        alerts=services.alerts(organisation),
        crm=services.crm(configuration),
        outgoing=services.outgoing(organisation),
        blobs=services.blobs(organisation),
        queues=services.queues,
        open_sender=adapters.sender,
        renewed=adapters.renewed,
        keep=scratch.keep,
        circuits=services.circuits(organisation),
        delays=environment.delays,
    )


def _stop_at(context: LambdaContext, environment: Environment) -> datetime:
    """When no new work is begun: the work budget, or what is left of the function's time less a reserve."""
    left = context.get_remaining_time_in_millis() / 1000 - _RESERVE
    return CLOCK.now() + timedelta(seconds=max(1.0, min(environment.work_seconds, left)))
