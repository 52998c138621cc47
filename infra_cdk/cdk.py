"""Run the CDK's command, pinned, on the packaged Node: `python -m infra_cdk.cdk deploy [--stage NAME]`, `… bootstrap`, `… diff`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from infra_cdk.checkout import ASSEMBLY, ROOT
from infra_cdk.node import packaged_node, packaged_npx
from infra_cdk.stage_file import read_stage

CDK_COMMAND = "aws-cdk@2.1148.1"
"""The newest command may read assemblies of an older library, not the other way round: raise it with aws-cdk-lib."""


def command(arguments: Sequence[str]) -> list[str]:
    """Return the command line for these arguments of `cdk`, and `--stage NAME` among them."""
    chosen, others = _stage(arguments)
    app = f"{sys.executable} -m infra_cdk.app"
    own = ["--app", app, "--output", str(ASSEMBLY), "--no-notices"]
    return [str(packaged_node()), str(packaged_npx()), "--yes", CDK_COMMAND, *others, *chosen, *own]


def _stage(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what a named stage asks of the CDK, and the other arguments.

    Its file says everything: a parameter that it does not name has its default again, not the value of the last deployment.
    """
    parser = argparse.ArgumentParser(prog="infra_cdk.cdk", add_help=False, allow_abbrev=False)
    parser.add_argument("--stage")
    named, others = parser.parse_known_args(list(arguments))
    if named.stage is None:
        return [], others
    read_stage(named.stage)  # what is wrong with it is told before Node starts
    afresh = ["--no-previous-parameters"] if "deploy" in others else []
    return ["--context", f"stage={named.stage}", *afresh], others


def main() -> int:
    """Run it in the checkout and return its exit code."""
    environment = {**os.environ, "CDK_DISABLE_CLI_TELEMETRY": "true"}
    environment["PATH"] = f"{packaged_node().parent}{os.pathsep}{environment.get('PATH', '')}"
    run = command(sys.argv[1:])
    return subprocess.run(run, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - the operator's own arguments


if __name__ == "__main__":
    raise SystemExit(main())
