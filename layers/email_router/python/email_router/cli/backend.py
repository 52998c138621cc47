"""Open the stores that a command works on: of the embedded cloud in a folder, or of a deployed stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from email_router.cli import crm_secret, deployed, kept_passwords
from email_router.cli.embedded.counters import read_counters
from email_router.cli.embedded.session import EmbeddedCloud, attach_running
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.output import tell
from email_router.cli.place import Place
from email_router.core.counters import added
from email_router.core.errors import ConfigurationError
from email_router.core.followed import Followed
from email_router.wiring import coexistence
from email_router.wiring.clock import CLOCK
from email_router.wiring.configuration import Loaded
from email_router.wiring.environment import Environment
from email_router.wiring.following import following
from email_router.wiring.publishing import PublishedVersion
from email_router.wiring.publishing import publish as publish_loaded
from email_router.wiring.services import GivenClients, Services

PARAMETERS = {
    "AllowLoopback": "true",
    "AllowedNetworks": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7",
    "ConfigUpdatePeriod": "5",
}
"""On a person's own machine, its own networks may be reached."""

COUNTED_BEFORE = "counted-before.json"


@dataclass
class Backend:
    """The stores of one stack, and how to save and count there."""

    services: Services
    save: Callable[[], None]
    count: Callable[[str], Mapping[str, int]]
    stack: DeployedStack | None = None
    _places: dict[str, Place] = field(default_factory=dict)

    def organisation(self, name: str = "") -> Place:
        """Return the organisation of this name, or the only one.  Raises ConfigurationError when there is none or a choice."""
        known = list(self.services.configurations.organisations())
        if not known:
            raise ConfigurationError(
                "nothing is published here: run `email-router publish FILE` or `email-router local --config FILE` first"
            )
        if not name and len(known) > 1:
            raise ConfigurationError(
                f"several organisations are published here: choose one of {', '.join(known)} with --organisation"
            )
        if name and name not in known:
            raise ConfigurationError(f"the organisation {name} is not published here; published are {', '.join(known)}")
        chosen = name or known[0]
        if chosen not in self._places:
            self._places[chosen] = Place(self.services, self.services.configurations.current(chosen))
        return self._places[chosen]

    def publish(self, loaded: Loaded) -> PublishedVersion:
        """Put a loaded configuration into force."""
        organisation = loaded.configuration.organisation
        self._refuse_mailboxes_served_twice(loaded)
        keeps_records = loaded.configuration.crm.kind == "builtin"
        crm = Place(self.services, loaded.configuration).crm if keeps_records else None
        return publish_loaded(
            loaded,
            self.services.configurations,
            self.services.secrets,
            self.services.states(organisation),
            crm,
            self._followed(loaded),
        )

    def _followed(self, loaded: Loaded) -> Followed | None:
        """Read the CRM's settings before a version that follows them is in force: it begins with what holds there."""
        return following(self.services, loaded.configuration, CLOCK, loaded.secrets).read_now()

    def _refuse_mailboxes_served_twice(self, loaded: Loaded) -> None:
        name = loaded.configuration.crm.options.get("secret", "")
        secret = loaded.secrets.get(name) or (self.services.secrets.get(name) if name else "")
        coexistence.refuse(loaded.configuration, secret, self.services.environment.reach)

    def counters(self, organisation: str = "") -> Mapping[str, int]:
        """Return what has been counted; of one organisation where a deployed stack tells them apart."""
        return self.count(organisation)


@contextmanager
def opened(state: Path, stack: str) -> Iterator[Backend]:
    """Open the stores to look at them."""
    if not stack and not (state / "current").exists() and attach_running(state) is None:
        raise ConfigurationError(
            f"{state} holds no state yet: run `email-router local --config FILE --state {state}` first, or name a deployed stack with --stack"
        )
    with opened_for_change(state, stack) as backend:
        yield backend


@contextmanager
def opened_for_change(state: Path, stack: str) -> Iterator[Backend]:
    """Open the stores to change them: `save` must be called before success is told.

    A command that runs on the folder in another process is joined; it saves what was changed when it saves itself.
    """
    if stack:
        yield _of_stack(stack)
        return
    running = attach_running(state)
    if running is not None:
        yield Backend(
            services_of(running), _saved_by_the_run, lambda _: _with_earlier(state, read_counters(running)), running
        )
        return
    with EmbeddedCloud(folder=state, parameters=PARAMETERS, stores_only=True) as cloud:
        backend = of_cloud(cloud)
        kept_passwords.lend(state, backend.services)
        with crm_secret.lent(state, backend.services.secrets):
            yield backend


def _saved_by_the_run() -> None:
    """Only the process that holds the folder may write there."""
    tell(
        "`email-router local` is running on this folder: it saves this change with its next round, within a minute or so"
    )


def of_cloud(cloud: EmbeddedCloud) -> Backend:
    """Return the stores of an embedded cloud that this process runs."""
    return Backend(services_of(cloud.stack), cloud.save, lambda _: cloud.counters(), cloud.stack)


def services_of(stack: DeployedStack) -> Services:
    """Return the stores of a stack in the emulator, which reaches what its functions reach."""
    clients = GivenClients(
        stack.client("dynamodb"),
        stack.client("s3"),
        stack.client("sqs"),
        stack.client("secretsmanager"),
        stack.client("kms"),
    )
    networks = tuple(PARAMETERS["AllowedNetworks"].split(","))
    return Services(replace(environment_of(stack.outputs), allow_loopback=True, allowed_networks=networks), clients)


def environment_of(outputs: Mapping[str, str]) -> Environment:
    """Return the environment that a stack's outputs tell: that of its functions.  Raises ConfigurationError for another stack."""
    try:
        return Environment(
            router_table=outputs["RouterTableName"],
            crm_table=outputs["CrmTableName"],
            data_bucket=outputs["DataBucketName"],
            mailbox_queue_url=outputs["MailboxQueueUrl"],
            outgoing_queue_url=outputs["OutgoingQueueUrl"],
            ses_configuration_set=outputs.get("SesConfigurationSet", ""),
            notification_secret=outputs.get("NotificationSecretArn", ""),
            data_key=outputs.get("DataKeyArn", ""),
            secret_prefix=outputs["SecretPrefix"],
        )
    except KeyError as missing:
        raise ConfigurationError(f"the stack has no output {missing}: is it one of the e-mail router?") from missing


def _of_stack(name: str) -> Backend:
    outputs = deployed.outputs(name)
    return Backend(Services(environment_of(outputs)), lambda: None, deployed.counters)


def _with_earlier(state: Path, counted: Mapping[str, int]) -> Mapping[str, int]:
    """Add what runs before the one that is going on have counted."""
    try:
        earlier: dict[str, int] = json.loads((state / COUNTED_BEFORE).read_text())
    except (OSError, ValueError):
        earlier = {}
    return added(earlier, counted)
