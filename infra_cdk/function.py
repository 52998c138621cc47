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

from infra_cdk.accepted import accept
from infra_cdk.checkout import ROOT
from infra_cdk.layer_versions import Layers
from infra_cdk.permissions import NAMELESS, WILDCARDS, allow

LOG_RETENTION = logs.RetentionDays.ONE_MONTH


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
    dead_letters: sqs.IQueue | None = None
    """For functions that events start: where an event goes that failed three times.  Queues have their own."""


def make_function(scope: Construct, plan: FunctionPlan, layers: Layers, shared: Mapping[str, str]) -> lambda_.Function:
    """Make the function whose code is functions/<name>, with `shared` and its own environment."""
    asset_name = f"fn-{plan.name.replace('_', '-')}"
    log = logs.LogGroup(scope, f"{asset_name}-log", retention=LOG_RETENTION, removal_policy=RemovalPolicy.DESTROY)
    function = lambda_.Function(
        scope,
        asset_name,
        description=f"CRM E-mail Router: {plan.name}",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        handler="handler.handler",
        code=lambda_.Code.from_asset(str(ROOT / "functions" / plan.name), exclude=["**/__pycache__"]),
        layers=layers.of_mailboxes if plan.opens_mailboxes else layers.every,
        timeout=plan.timeout,
        memory_size=plan.memory,
        log_group=log,
        role=_role(scope, asset_name, plan.permissions, log).without_policy_updates(),  # it has what it needs, exactly
        dead_letter_queue=plan.dead_letters,
        environment={**shared, **plan.environment, "POWERTOOLS_SERVICE_NAME": plan.name},
    )
    accept(
        function,
        "L1",
        "compiled dependencies are locked and tried for this version; the next one is a change of its own",
    )
    return function


def _role(
    scope: Construct, asset_name: str, permissions: Sequence[iam.PolicyStatement], log: logs.LogGroup
) -> iam.Role:
    """Make the role with one inline policy.  The managed AWSLambdaBasicExecutionRole would allow every log group."""
    write_log = allow(["logs:CreateLogStream", "logs:PutLogEvents"], log.log_group_arn)
    role = iam.Role(
        scope,
        f"{asset_name}-role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={"exact": iam.PolicyDocument(statements=[write_log, *permissions])},
    )
    for resource, reason in WILDCARDS.items():
        accept(role, f"IAM5[Resource::{resource}]", reason)
    for statement in permissions:
        if "*" in statement.resources and NAMELESS.issuperset(statement.actions):
            accept(role, "IAM5[Resource::*]", f"{', '.join(statement.actions)}: IAM knows no resource of it")
    return role
