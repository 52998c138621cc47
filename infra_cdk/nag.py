"""Hold a stage against cdk-nag's AwsSolutions: `python -m infra_cdk.nag [STAGE]` prints each finding that no resource gives a reason for."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aws_cdk import App, CfnResource, Stack
from cdk_nag import AwsSolutionsChecks

from infra_cdk.router_stack import RouterStack
from infra_cdk.stage import DEFAULT
from infra_cdk.stage_file import read_stage


def findings(stack: Stack) -> Iterator[str]:
    """Yield rule, resource and what is wrong, a line each.  The app is validated whole first: one resource at a time takes longer."""
    checks = AwsSolutionsChecks(stack.node.root)
    if checks.validate_scope(stack).success:
        return
    for construct in stack.node.find_all():
        if CfnResource.is_cfn_resource(construct):
            for broken in checks.validate_scope(construct).violations:
                yield f"{broken.rule_name} {construct.node.path}: {broken.description}"


def main() -> None:
    """Print what is found; exit code 1 when there is anything."""
    stage = read_stage(sys.argv[1] if sys.argv[1:] else DEFAULT)
    with tempfile.TemporaryDirectory() as folder:
        app = App(analytics_reporting=False, outdir=str(Path(folder)))
        found = list(findings(RouterStack(app, stage.stack, stage, built=False)))
    for line in found:
        sys.stdout.write(f"{line}\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
