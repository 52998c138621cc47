"""The whole stack: one construct for each capability, in the order in which mail meets them."""

from __future__ import annotations

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Duration, Fn, Stack
from constructs import Construct

from infra_cdk.alarms import Alarms
from infra_cdk.alert_bus import AlertBus
from infra_cdk.crm_events import CrmEvents
from infra_cdk.dashboard import Dashboard
from infra_cdk.foundation import Foundation
from infra_cdk.incoming import Incoming
from infra_cdk.layer_versions import Layers
from infra_cdk.outgoing import Outgoing
from infra_cdk.parameters import Parameters
from infra_cdk.permissions import SECRET_PREFIX
from infra_cdk.push import Push
from infra_cdk.queues import dead_letter_queue
from infra_cdk.resources import logical_id_of
from infra_cdk.stage import Stage
from infra_cdk.storage import Storage
from infra_cdk.vpc import FunctionNetwork


class RouterStack(Stack):
    """The CRM E-mail Router of one stage.  `built` says that the layers are real ones, to be deployed, not stand-ins for a template."""

    def __init__(self, scope: Construct, construct_id: str, stage: Stage, *, built: bool) -> None:
        super().__init__(
            scope,
            construct_id,
            description="CRM E-mail Router: mail in and out of a CRM, as functions",
            # Without CDK's bootstrap parameter and rule the template deploys anywhere, an emulator included.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        parameters = Parameters(self, "parameters", stage.parameters)
        storage = Storage(self, "storage", parameters)
        self.layers = Layers(self, "layers", built=built)
        self._ticks = dead_letter_queue(self, "TickDeadLetters", storage.key)
        alerts = AlertBus(self, "alerts", key=storage.key, dead_letters=self._ticks)
        self._base = Foundation(
            stage=stage,
            parameters=parameters,
            storage=storage,
            layers=self.layers,
            network=None if stage.vpc.kind == "none" else FunctionNetwork(self, "network", stage.vpc),
            tick_dead_letters=self._ticks,
            alerts=alerts.bus,
        )
        self.incoming = Incoming(self, "incoming", self._base)
        self.outgoing = Outgoing(self, "outgoing", self._base)
        self.push = Push(self, "push", self._base, self.incoming.queue, self.outgoing.collect_outgoing.entry)
        self.crm_events = CrmEvents(self, "crm-events", self._base)
        alarms = Alarms(self, "alarms", key=storage.key, address=parameters.alarm_address)
        alerts.tell(alarms.topic)
        self._watch(alarms)
        self._show()
        self._tell()

    def asset_names(self) -> dict[str, str]:
        """Return the construct's name of each layer and function, by its logical id."""
        constructs = [
            self.layers.email_router,
            self.layers.runtime,
            self.layers.exchange,
            self.incoming.schedule_mailboxes,
            self.incoming.route_mailbox,
            self.outgoing.collect_outgoing,
            self.outgoing.send_email,
            self.outgoing.record_delivery,
            self.push.receive_notification,
            self.push.renew_subscriptions,
            self.crm_events.publish_events,
        ]
        return {logical_id_of(construct): construct.node.id for construct in constructs}

    def _watch(self, alarms: Alarms) -> None:
        incoming, outgoing, waits = self.incoming, self.outgoing, self._base.stage.alarms
        alarms.on_dead_letters("tick-dead-letters", self._ticks)
        alarms.on_dead_letters("mailbox-dead-letters", incoming.dead_letters)
        alarms.on_dead_letters("outgoing-dead-letters", outgoing.dead_letters)
        alarms.on_dead_letters("delivery-report-dead-letters", outgoing.report_dead_letters)
        alarms.on_waiting("mailbox-work-waits", incoming.queue, Duration.minutes(waits.mailbox_work_waits))
        alarms.on_waiting("outgoing-work-waits", outgoing.queue, Duration.minutes(waits.outgoing_work_waits))
        alarms.on_silence("schedule-mailboxes-silent", incoming.schedule_mailboxes)
        alarms.on_silence("collect-outgoing-silent", outgoing.collect_outgoing)
        alarms.on_errors("route-mailbox-fails", incoming.route_mailbox)
        alarms.on_errors("send-email-fails", outgoing.send_email)
        alarms.on_dead_letters("subscription-dead-letters", self.push.dead_letters)
        alarms.on_errors("receive-notification-fails", self.push.receive_notification)
        alarms.on_errors("renew-subscriptions-fails", self.push.renew_subscriptions)

        alarms.on_dead_letters("crm-event-dead-letters", self.crm_events.dead_letters)
        alarms.on_errors("publish-events-fails", self.crm_events.publish_events)
        alarms.on_counters()
        alarms.on_lag(
            "publish-events-late", self.crm_events.publish_events, Duration.minutes(waits.publish_events_late)
        )

    def _show(self) -> None:
        incoming, outgoing, push = self.incoming, self.outgoing, self.push
        Dashboard(
            self,
            "dashboard",
            queues={"mailbox-work": incoming.queue, "outgoing-work": outgoing.queue},
            dead_letters={
                "ticks": self._ticks,
                "mailbox-work": incoming.dead_letters,
                "outgoing-work": outgoing.dead_letters,
                "delivery reports": outgoing.report_dead_letters,
                "subscriptions": push.dead_letters,
                "CRM events": self.crm_events.dead_letters,
            },
            functions=[
                *(incoming.schedule_mailboxes, incoming.route_mailbox),
                *(outgoing.collect_outgoing, outgoing.send_email, outgoing.record_delivery),
                *(push.receive_notification, push.renew_subscriptions, self.crm_events.publish_events),
            ],
        )

    def _tell(self) -> None:
        """Output what the command line needs to find its way: `email-router --stack NAME`."""
        storage, incoming, outgoing = self._base.storage, self.incoming, self.outgoing
        told = {
            "RouterTableName": storage.router.table_name,
            "CrmTableName": storage.crm.table_name,
            "DataBucketName": storage.bucket.bucket_name,
            "DataKeyArn": storage.key.key_arn,
            "MailboxQueueUrl": incoming.queue.queue_url,
            "OutgoingQueueUrl": outgoing.queue.queue_url,
            "ScheduleMailboxesFunction": incoming.schedule_mailboxes.function_name,
            "RouteMailboxFunction": incoming.route_mailbox.function_name,
            "CollectOutgoingFunction": outgoing.collect_outgoing.function_name,
            "SendEmailFunction": outgoing.send_email.function_name,
            "RecordDeliveryFunction": outgoing.record_delivery.function_name,
            "ReceiveNotificationFunction": self.push.receive_notification.function_name,
            "RenewSubscriptionsFunction": self.push.renew_subscriptions.function_name,
            "SubscriptionQueueUrl": self.push.queue.queue_url,
            "NotificationUrl": self.push.url.url,
            "NotificationSecretArn": self.push.secret.secret_arn,
            "WebhookBaseUrl": self.push.public_address,
            "SesConfigurationSet": outgoing.configuration_set.configuration_set_name,
            "EventBusName": outgoing.bus.event_bus_name,
            "AlertBusName": self._base.alerts.event_bus_name,
            "CrmEventBusName": self.crm_events.bus.event_bus_name,
            "PublishEventsFunction": self.crm_events.publish_events.function_name,
            "SecretPrefix": Fn.sub(SECRET_PREFIX),
        }
        for name, value in told.items():
            CfnOutput(self, name, value=value)
