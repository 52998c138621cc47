"""What a stage of the stack is: sizes, schedules, alarms, network and senders.  stages/NAME.toml says it, stage_file.py reads it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

STACK = "email-router"
DEFAULT = "default"
"""The stage that is deployed where none is named; the committed template is its."""

FunctionName = Literal[
    "collect_outgoing",
    "publish_events",
    "receive_notification",
    "record_delivery",
    "renew_subscriptions",
    "route_mailbox",
    "schedule_mailboxes",
    "send_email",
]
ParameterValue = bool | int | str | tuple[str, ...]
LogDays = Literal[7, 14, 30, 60, 90, 180, 365]
Subnet = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]+$")]
SecurityGroup = Annotated[str, StringConstraints(pattern=r"^sg-[0-9a-f]+$")]
Identity = Annotated[str, StringConstraints(pattern=r"^([^@\s]+@)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", to_lower=True)]
"""An address or a domain that SES sends for."""


class Part(BaseModel):
    """A table of the file: what it does not know is refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sizing(Part):
    """One function's size.  What is not given is what was measured to do (docs/deploying.md, "Sizes")."""

    memory: int | None = Field(default=None, ge=128, le=10_240)
    """MB; 1,769 MB are one whole CPU."""
    reserved: int | None = Field(default=None, ge=1, le=1000)
    """Calls at the same time that are kept for this function, and the most it gets; none: it shares the account's."""
    provisioned: int = Field(default=0, ge=0, le=1000)
    """Processes that stand ready day and night."""
    snap_start: bool = False
    """Whether a new process starts from a picture of one that is already set up."""
    tracing: bool = False
    """Whether X-Ray follows its calls."""

    @model_validator(mode="after")
    def _one_way_to_start_fast(self) -> Self:
        if self.provisioned and self.snap_start:
            raise ValueError("provisioned and snap_start exclude each other (AWS Lambda, SnapStart): choose one")
        if self.reserved is not None and self.provisioned > self.reserved:
            raise ValueError(f"provisioned = {self.provisioned} is more than reserved = {self.reserved} lets run")
        return self

    @property
    def through_a_version(self) -> bool:
        """Whether the function is started through a published version: both ways to start fast want one."""
        return self.snap_start or self.provisioned > 0


class Schedules(Part):
    """Minutes between two ticks.  The tick of mailboxes is no choice: each has its minute, and a profile's polling intervals say which."""

    collect_outgoing: int = Field(default=1, ge=1, le=5)
    renew_subscriptions: int = Field(default=15, ge=5, le=60)


class Alarms(Part):
    """Minutes that work may wait before an alarm rings."""

    mailbox_work_waits: int = Field(default=10, ge=5, le=14)
    """An order of the queue lives for 15 minutes, so a longer wait would never ring."""
    outgoing_work_waits: int = Field(default=60, ge=5, le=24 * 60)
    publish_events_late: int = Field(default=60, ge=5, le=20 * 60)


class Vpc(Part):
    """Whether the functions that speak to servers stand in a private network: none, an existing one, or one that the stack makes."""

    kind: Literal["none", "existing", "own"] = "none"
    subnets: tuple[Subnet, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = Field(default=(), max_length=5)
    cidr: Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,3}){3}/(1[6-9]|2[0-2])$")] = "10.90.0.0/20"
    nat_gateways: int = Field(default=1, ge=0, le=2)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = bool(self.subnets), bool(self.security_groups)
        if self.kind == "existing" and not all(named):
            raise ValueError('kind = "existing" needs subnets and security_groups of that network')
        if self.kind != "existing" and any(named):
            raise ValueError(f'subnets and security_groups are of an existing network, and kind is "{self.kind}"')
        return self


class Ses(Part):
    """Whom Amazon SES sends for.  The stack verifies these and lets send_email send as no other; none: as any that the account has."""

    identities: tuple[Identity, ...] = ()


class Stage(Part):
    """A whole stage.  `parameters` are values of the stack's CloudFormation parameters, by their names (parameters.py has their bounds)."""

    stack: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,100}$")] = STACK
    log_days: LogDays = 30
    parameters: dict[str, ParameterValue] = Field(default_factory=dict)
    functions: dict[FunctionName, Sizing] = Field(default_factory=dict)
    schedules: Schedules = Schedules()
    alarms: Alarms = Alarms()
    vpc: Vpc = Vpc()
    ses: Ses = Ses()

    def sizing(self, name: str) -> Sizing:
        """Return the size that is chosen for a function."""
        return next((one for function, one in self.functions.items() if function == name), Sizing())
