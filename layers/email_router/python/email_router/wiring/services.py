"""The stores of the stack, for one organisation each, over one client a service."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.followed import CrmSettingsReader
from email_router.core.ports import Alerts, Crm
from email_router.core.settings import Configuration
from email_router.edge.connect import aws
from email_router.edge.stores.alert_bus import EventBridgeAlerts
from email_router.edge.stores.alerts import DynamoAlerts
from email_router.edge.stores.circuits import DynamoCircuits, DynamoOpenCircuits
from email_router.edge.stores.collect_pace import DynamoCollectPace
from email_router.edge.stores.configurations import DynamoConfigurations
from email_router.edge.stores.followed import DynamoFollowed
from email_router.edge.stores.ledger import DynamoLedger
from email_router.edge.stores.mailbox_passwords import Kms, KmsMailboxPasswords
from email_router.edge.stores.mailbox_states import DynamoMailboxStates
from email_router.edge.stores.nudges import DynamoNudges, DynamoOutgoingNudges
from email_router.edge.stores.outgoing_states import DynamoOutgoingStates
from email_router.edge.stores.quarantine import DynamoQuarantine
from email_router.edge.stores.queues import SqsWorkQueues
from email_router.edge.stores.s3 import S3BlobStore
from email_router.edge.stores.schedule import DynamoSchedule
from email_router.edge.stores.secrets import SecretsManagerSecrets
from email_router.edge.stores.send_pace import DynamoSendPace
from email_router.edge.stores.subscriptions import DynamoSubscriptions
from email_router.edge.stores.suppressed import DynamoSuppressed
from email_router.wiring import registry
from email_router.wiring.alerts import SentAlerts
from email_router.wiring.clock import CLOCK
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient


class Clients:
    """The process's AWS clients, each made when it is first used."""

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        return aws.dynamodb()

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return aws.s3()

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        return aws.sqs()

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets Manager."""
        return aws.secrets_manager()

    @cached_property
    def kms(self) -> Kms:
        """KMS."""
        made: Kms = aws.kms()
        return made


@dataclass(frozen=True)
class GivenClients:
    """Clients that the caller made: of the embedded cloud, or of another account."""

    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient
    secretsmanager: SecretsManagerClient
    kms: Kms | None = None
    """None: this process's own."""


class Services:
    """What the functions and the command line remember and reach, made from one environment."""

    def __init__(self, environment: Environment, clients: Clients | GivenClients | None = None) -> None:
        self.environment = environment
        self.clients = clients or Clients()
        self._passwords: dict[str, KmsMailboxPasswords] = {}

    @cached_property
    def configurations(self) -> DynamoConfigurations:
        """The published configurations, cached for ConfigUpdatePeriod."""
        seconds = self.environment.config_update_period
        return DynamoConfigurations(self.clients.dynamodb, self.environment.router_table, seconds)

    @cached_property
    def schedule(self) -> DynamoSchedule:
        """The mailboxes on the schedule, of all organisations."""
        return DynamoSchedule(self.clients.dynamodb, self.environment.router_table)

    @cached_property
    def secrets(self) -> SecretsManagerSecrets:
        """Passwords and client secrets."""
        return SecretsManagerSecrets(self.clients.secretsmanager, self.environment.secret_prefix)

    def mailbox_passwords(self, organisation: str) -> KmsMailboxPasswords:
        """Passwords of single mailboxes; one store an organisation, which remembers what it has opened."""
        if organisation not in self._passwords:
            environment = self.environment
            self._passwords[organisation] = KmsMailboxPasswords(
                self.clients.dynamodb, environment.router_table, organisation, self._kms, environment.data_key
            )
        return self._passwords[organisation]

    def _kms(self) -> Kms:
        return self.clients.kms or Clients().kms

    @cached_property
    def queues(self) -> SqsWorkQueues:
        """The work queues."""
        environment = self.environment
        return SqsWorkQueues(
            self.clients.sqs,
            environment.mailbox_queue_url,
            environment.outgoing_queue_url,
            environment.subscription_queue_url,
        )

    @cached_property
    def send_pace(self) -> DynamoSendPace:
        """How fast the account may send by SES."""
        return DynamoSendPace(self.clients.dynamodb, self.environment.router_table)

    @cached_property
    def suppressed(self) -> DynamoSuppressed:
        """Which addresses may lie on the account's suppression list of SES."""
        return DynamoSuppressed(self.clients.dynamodb, self.environment.router_table, now=CLOCK.now)

    def notification_secret(self) -> str:
        """Return the stack's own secret, by which notifications prove themselves."""
        return self._stack_secrets.get(self.environment.notification_secret)

    @cached_property
    def _stack_secrets(self) -> SecretsManagerSecrets:
        return SecretsManagerSecrets(self.clients.secretsmanager, "")

    def crm(self, configuration: Configuration) -> Crm:
        """Return the organisation's CRM.  Raises ConfigurationError when no adapter serves its kind."""
        make = registry.adapter(registry.CRMS, configuration.crm.kind)
        environment, organisation = self.environment, configuration.organisation
        given: tuple[object, ...] = (
            self.clients.dynamodb,
            environment.crm_table,
            environment.router_table,
            organisation,
        )
        if configuration.crm.kind == "dataverse":
            make = registry.load(registry.DATAVERSE_SERVER) if configuration.crm.decides else make
            given = (self._dataverse(configuration), *given)
            crm: Crm = make(*given, self.blobs(organisation), _senders(configuration))
        else:
            crm = make(*given, self.blobs(organisation))
        return crm

    def crm_settings(self, configuration: Configuration) -> CrmSettingsReader:
        """Return who reads the settings of the organisation's CRM.  Raises ConfigurationError when its kind has none that are followed."""
        made: CrmSettingsReader = registry.adapter(registry.SETTINGS, configuration.crm.kind)(
            self._dataverse(configuration)
        )
        return made

    def followed(self, organisation: str) -> DynamoFollowed:
        """What is known of the settings of the organisation's CRM."""
        return DynamoFollowed(self.clients.dynamodb, self.environment.router_table, organisation)

    def _dataverse(self, configuration: Configuration) -> object:
        """Return the line to the organisation's Dataverse."""
        options, organisation = configuration.crm.options, configuration.organisation
        name = options.get("secret", "")
        secret = self.secrets.get(name) if name else ""
        connected = registry.load(registry.DATAVERSE)
        environment = self.environment
        store = self.clients.dynamodb, environment.crm_table
        return connected(options, secret, environment.reach, organisation, store, lambda: self._anew(name))

    def _anew(self, name: str) -> str:
        """Return a secret as it is kept now, as far as that can be told; nothing for one without a name."""
        with suppress(RouterError, ConfigurationError):
            if name:
                self.secrets.renewed(name)
                return self.secrets.get(name)
        return ""

    def blobs(self, organisation: str) -> S3BlobStore:
        """Bytes too large for a row."""
        return S3BlobStore(self.clients.s3, self.environment.data_bucket, organisation)

    def states(self, organisation: str) -> DynamoMailboxStates:
        """Mailbox states."""
        table = self.environment.router_table
        return DynamoMailboxStates(self.clients.dynamodb, table, organisation, self.blobs(organisation))

    def nudges(self, organisation: str) -> DynamoNudges:
        """Mailboxes that a notification asks a pass for."""
        return DynamoNudges(self.clients.dynamodb, self.environment.router_table, organisation)

    def outgoing_nudges(self, organisation: str) -> DynamoOutgoingNudges:
        """Whether the CRM asks for a collect."""
        return DynamoOutgoingNudges(self.clients.dynamodb, self.environment.router_table, organisation)

    def collect_pace(self, organisation: str) -> DynamoCollectPace:
        """What the collects of the last minute have queued."""
        return DynamoCollectPace(self.clients.dynamodb, self.environment.router_table, organisation)

    def subscriptions(self, organisation: str) -> DynamoSubscriptions:
        """The subscriptions to mailboxes' news."""
        return DynamoSubscriptions(self.clients.dynamodb, self.environment.router_table, organisation)

    def ledger(self, organisation: str) -> DynamoLedger:
        """Claims, receipts, traces, conversations."""
        return DynamoLedger(self.clients.dynamodb, self.environment.router_table, organisation)

    def alerts(self, organisation: str) -> Alerts:
        """What was raised for a person; functions send it, too."""
        kept = DynamoAlerts(self.clients.dynamodb, self.environment.router_table, organisation)
        if not self.environment.alert_bus:
            return kept
        bus = EventBridgeAlerts(aws.events(), self.environment.alert_bus)
        return SentAlerts(kept, organisation, bus, CLOCK.now)

    def circuits(self, organisation: str) -> DynamoCircuits:
        """Hosts and providers at which most mailboxes may fail."""
        return DynamoCircuits(self.clients.dynamodb, self.environment.router_table, organisation)

    @cached_property
    def open_circuits(self) -> DynamoOpenCircuits:
        """Which organisations have circuits that are open."""
        return DynamoOpenCircuits(self.clients.dynamodb, self.environment.router_table)

    def quarantine(self, organisation: str) -> DynamoQuarantine:
        """Messages that a person must look at."""
        return DynamoQuarantine(self.clients.dynamodb, self.environment.router_table, organisation)

    def outgoing(self, organisation: str) -> DynamoOutgoingStates:
        """The state of each outgoing e-mail."""
        return DynamoOutgoingStates(self.clients.dynamodb, self.environment.router_table, organisation)


def _senders(configuration: Configuration) -> frozenset[str]:
    """Return the addresses whose e-mails the router sends; others' may be sent by Dynamics 365 itself."""
    boxes = (box for box in configuration.mailboxes if box.outgoing)
    return frozenset(address.casefold() for box in boxes for address in (box.address, *box.aliases))
