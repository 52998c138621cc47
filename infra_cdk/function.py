"""The one way to make a function: handler, layers, settings, its own log and a role that may what it needs and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk import permissions as may
from infra_cdk.accepted import accept
from infra_cdk.checkout import ROOT
from infra_cdk.foundation import Foundation
from infra_cdk.resources import resource_of
from infra_cdk.stage import Sizing

LOG_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
LIVE = "live"
"""The alias through which a function is started where the stage wants it to start fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPlan:
    """What distinguishes one function from the next.  `name` is its folder's; `memory` is in MB (1,769 MB are one whole CPU)."""

    name: str
    timeout: Duration
    memory: int
    environment: Mapping[str, str] = field(default_factory=dict)
    permissions: Sequence[iam.PolicyStatement] = ()
    opens_mailboxes: bool = False
    """Whether it logs in to mailboxes: then it has the layer of Exchange servers too."""
    connects: bool = False
    """Whether it speaks to mail servers or a CRM: then it stands in the stage's private network, where there is one."""
    dead_letters: sqs.IQueue | None = None
    """For functions that events start: where an event goes that failed three times.  Queues have their own."""


class RouterFunction(lambda_.Function):
    """A function of the router.  `entry` is what queues, rules and addresses start: the function, or its alias in a stage that wants one."""

    entry: lambda_.IFunction


def make_function(scope: Construct, plan: FunctionPlan, base: Foundation) -> RouterFunction:
    """Make the function whose code is functions/<name>, of the size that the stage chose, with the shared and its own environment."""
    asset_name = f"fn-{plan.name.replace('_', '-')}"
    sizing = base.stage.sizing(plan.name)
    log = logs.LogGroup(
        scope,
        f"{asset_name}-log",
        encryption_key=base.storage.key,
        retention=LOG_RETENTION[base.stage.log_days],
        removal_policy=RemovalPolicy.DESTROY,
    )
    role = _role(scope, asset_name, [*plan.permissions, *_of_the_stage(plan, sizing, base)], log)
    function = RouterFunction(
        scope,
        asset_name,
        description=f"CRM E-mail Router: {plan.name}",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        handler="handler.handler",
        code=lambda_.Code.from_asset(str(ROOT / "functions" / plan.name), exclude=["**/__pycache__"]),
        layers=base.layers.of_mailboxes if plan.opens_mailboxes else base.layers.every,
        timeout=plan.timeout,
        memory_size=sizing.memory or plan.memory,
        reserved_concurrent_executions=sizing.reserved,
        tracing=lambda_.Tracing.ACTIVE if sizing.tracing else None,
        snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if sizing.snap_start else None,
        log_group=log,
        role=role.without_policy_updates(),  # it has what it needs, exactly
        dead_letter_queue=plan.dead_letters,
        environment={**base.environment, **plan.environment, "POWERTOOLS_SERVICE_NAME": plan.name},
    )
    if plan.connects and base.network is not None:
        resource_of(function).add_property_override("VpcConfig", base.network.place)
    function.entry = _entry(function, sizing)
    accept(
        function,
        "L1",
        "compiled dependencies are locked and tried for this version; the next one is a change of its own",
    )
    return function


def _entry(function: lambda_.Function, sizing: Sizing) -> lambda_.IFunction:
    """Return what is started: SnapStart and provisioned concurrency want a published version, which an alias follows."""
    if not sizing.through_a_version:
        return function
    return function.add_alias(LIVE, provisioned_concurrent_executions=sizing.provisioned or None)


def _of_the_stage(plan: FunctionPlan, sizing: Sizing, base: Foundation) -> list[iam.PolicyStatement]:
    """Return what the stage's choices ask of the role: neither names a resource (Service Authorization Reference, EC2 and X-Ray)."""
    traced = [may.allow(may.TRACE, "*")] if sizing.tracing else []
    inside = [may.allow(may.STAND_IN_A_NETWORK, "*")] if plan.connects and base.network is not None else []
    return [*traced, *inside]


def _role(
    scope: Construct, asset_name: str, permissions: Sequence[iam.PolicyStatement], log: logs.LogGroup
) -> iam.Role:
    """Make the role with one inline policy.  The managed AWSLambdaBasicExecutionRole would allow every log group."""
    write_log = may.allow(["logs:CreateLogStream", "logs:PutLogEvents"], log.log_group_arn)
    role = iam.Role(
        scope,
        f"{asset_name}-role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={"exact": iam.PolicyDocument(statements=[write_log, *permissions])},
    )
    for resource, reason in may.WILDCARDS.items():
        accept(role, f"IAM5[Resource::{resource}]", reason)
    for statement in permissions:
        if "*" in statement.resources and may.NAMELESS.issuperset(statement.actions):
            accept(role, "IAM5[Resource::*]", f"{', '.join(statement.actions)}: IAM knows no resource of it")
    return role
