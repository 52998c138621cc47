"""The CDK application, as `cdk deploy` starts it: `python -m infra_cdk.app`, after the layers were built."""

from __future__ import annotations

from aws_cdk import App

from infra_cdk.router_stack import RouterStack
from infra_cdk.stage import DEFAULT
from infra_cdk.stage_file import read_stage


def main() -> None:
    """Compose the stack of the stage that the context `stage` names, and write its assembly where the CDK's command says.

    The context `stack` gives it another name than the stage does.
    """
    app = App(analytics_reporting=False)
    stage = read_stage(str(app.node.try_get_context("stage") or DEFAULT))
    RouterStack(app, str(app.node.try_get_context("stack") or stage.stack), stage, built=True)
    app.synth()


if __name__ == "__main__":
    main()
