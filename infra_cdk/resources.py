"""From a construct to the one CloudFormation resource that it stands for, and to that resource's logical id."""

from __future__ import annotations

from aws_cdk import CfnResource, Stack
from constructs import Construct


def resource_of(construct: Construct) -> CfnResource:
    """Return the construct's own resource.  Raises TypeError for a construct that has none."""
    resource = construct.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"the construct {construct.node.path} stands for no single resource")
    return resource


def keep_logical_id(construct: Construct, logical_id: str) -> None:
    """Pin a stateful resource's logical id, so that moving its construct never replaces what it holds."""
    resource_of(construct).override_logical_id(logical_id)


def logical_id_of(construct: Construct) -> str:
    """Return the logical id as it stands in the template."""
    return str(Stack.of(construct).resolve(resource_of(construct).logical_id))
