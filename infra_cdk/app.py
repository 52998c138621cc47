"""The CDK application, as `cdk deploy` starts it: `python -m infra_cdk.app`, after the layers were built."""

from __future__ import annotations

from aws_cdk import App

from infra_cdk.router_stack import RouterStack

STACK = "email-router"


def main() -> None:
    """Compose the stack, named by the context `stack`, and write its assembly where the CDK's command says."""
    app = App(analytics_reporting=False)
    RouterStack(app, str(app.node.try_get_context("stack") or STACK), built=True)
    app.synth()


if __name__ == "__main__":
    main()
