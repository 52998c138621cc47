"""The domains and addresses that the stage sends as: verified with Amazon SES, and what their owner must put into the DNS told as outputs."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Fn, RemovalPolicy
from aws_cdk import aws_ses as ses
from constructs import Construct


class SesIdentities(Construct):
    """One identity each.  They outlive the stack: a domain that is verified anew has other keys, and waits for the DNS again."""

    def __init__(self, scope: Construct, construct_id: str, names: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        for number, name in enumerate(names, start=1):
            of_address = "@" in name
            made = ses.EmailIdentity(
                self, name, identity=ses.Identity.email(name) if of_address else ses.Identity.domain(name)
            )
            made.apply_removal_policy(RemovalPolicy.RETAIN)
            if not of_address:
                self._tell(f"DkimRecords{number}", name, made)

    def _tell(self, output: str, name: str, identity: ses.EmailIdentity) -> None:
        """Output the records by which the domain's owner lets SES sign for it."""
        records = [Fn.join(" CNAME ", [record.name, record.value]) for record in identity.dkim_records]
        told = CfnOutput(self, output, value=Fn.join(", ", records), description=f"for the DNS of {name}")
        told.override_logical_id(output)
