"""Run the CDK's command, pinned, on the packaged Node: `python -m infra_cdk.cdk deploy`, `… bootstrap`, `… diff`, `… destroy`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from infra_cdk.checkout import ASSEMBLY, ROOT
from infra_cdk.node import packaged_node, packaged_npx

CDK_COMMAND = "aws-cdk@2.1148.1"
"""The newest command may read assemblies of an older library, not the other way round: raise it with aws-cdk-lib."""


def command(arguments: Sequence[str]) -> list[str]:
    """Return the command line for these arguments of `cdk`."""
    app = f"{sys.executable} -m infra_cdk.app"
    own = ["--app", app, "--output", str(ASSEMBLY), "--no-notices"]
    return [str(packaged_node()), str(packaged_npx()), "--yes", CDK_COMMAND, *arguments, *own]


def main() -> int:
    """Run it in the checkout and return its exit code."""
    environment = {**os.environ, "CDK_DISABLE_CLI_TELEMETRY": "true"}
    environment["PATH"] = f"{packaged_node().parent}{os.pathsep}{environment.get('PATH', '')}"
    run = command(sys.argv[1:])
    return subprocess.run(run, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - the operator's own arguments


if __name__ == "__main__":
    raise SystemExit(main())
