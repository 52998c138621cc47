"""Where the stack departs from a rule of cdk-nag (AwsSolutions): at the resource, and with the reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept(construct: IConstruct, rule: str, reason: str) -> None:
    """Let the construct depart from this one finding, named as cdk-nag prints it; `reason` is for whoever audits the stack."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason))
