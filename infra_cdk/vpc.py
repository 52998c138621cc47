"""The private network of the functions that speak to servers: the operator's own, or one that the stack makes."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra_cdk.accepted import accept
from infra_cdk.stage import Vpc

ZONES = 2
INSIDE_MASK, OUTSIDE_MASK = 24, 28
_NEEDED = {
    "sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "secretsmanager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "kms": ec2.InterfaceVpcEndpointAwsService.KMS,  # passwords of single mailboxes
}
"""What the functions in the network ask of AWS and reach by no gateway endpoint; logs and counters go another way."""


class FunctionNetwork(Construct):
    """Where these functions stand: two zones at least, so that the loss of one loses nothing.  `place` is their VpcConfig."""

    def __init__(self, scope: Construct, construct_id: str, chosen: Vpc) -> None:
        super().__init__(scope, construct_id)
        subnets, groups = list(chosen.subnets), list(chosen.security_groups)
        if chosen.kind == "own":
            subnets, groups = self._make(chosen)
        self.place: dict[str, Any] = {"SubnetIds": subnets, "SecurityGroupIds": groups}

    def _make(self, chosen: Vpc) -> tuple[list[str], list[str]]:
        """Make network, ways out and security group; S3 and DynamoDB are reached by endpoints that cost nothing."""
        vpc = ec2.Vpc(
            self,
            "vpc",
            ip_addresses=ec2.IpAddresses.cidr(chosen.cidr),
            max_azs=ZONES,
            nat_gateways=chosen.nat_gateways,
            restrict_default_security_group=False,
            subnet_configuration=_subnets(internet=chosen.nat_gateways > 0),
        )
        accept(vpc, "VPC7", "flow logs cost by the GB; switch them on in this account where they must be kept")
        vpc.add_gateway_endpoint("s3", service=ec2.GatewayVpcEndpointAwsService.S3)
        vpc.add_gateway_endpoint("dynamodb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        if not chosen.nat_gateways:
            for name, service in _NEEDED.items():
                vpc.add_interface_endpoint(name, service=service)
        group = ec2.SecurityGroup(
            self, "functions", vpc=vpc, description="CRM E-mail Router: functions; nobody connects to them"
        )
        CfnOutput(self, "VpcId", value=vpc.vpc_id).override_logical_id("VpcId")
        inside = vpc.private_subnets if chosen.nat_gateways else vpc.isolated_subnets
        return [subnet.subnet_id for subnet in inside], [group.security_group_id]


def _subnets(*, internet: bool) -> list[ec2.SubnetConfiguration]:
    kind = ec2.SubnetType.PRIVATE_WITH_EGRESS if internet else ec2.SubnetType.PRIVATE_ISOLATED
    inside = ec2.SubnetConfiguration(name="functions", subnet_type=kind, cidr_mask=INSIDE_MASK)
    if not internet:
        return [inside]
    return [inside, ec2.SubnetConfiguration(name="outside", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=OUTSIDE_MASK)]
