"""The stack keeps the rules of cfn-lint and of cdk-nag's AwsSolutions, or says at the resource why it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.template import ROOT, TEMPLATE

ACCEPTED = {"W3005": "CDK writes DependsOn beside a GetAtt, so that a role's policies stand before its function"}
OF_A_BARE_BUCKET = """
from aws_cdk import App, Stack, aws_s3 as s3
from infra_cdk.nag import findings

stack = Stack(App(analytics_reporting=False), "small")
s3.Bucket(stack, "bare")
print(*findings(stack), sep="\\n")
"""


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run this Python in a process of its own: the CDK's Node takes half a gigabyte, and cfn-lint remembers what it was told."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_departure_from_cdk_nag_has_its_reason_at_the_resource() -> None:
    done = _run("-m", "infra_cdk.nag")

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.long
def test_a_stage_that_uses_every_setting_keeps_the_rules_too() -> None:
    done = _run("-m", "infra_cdk.nag", Path(__file__).parent / "stages" / "everything.toml")

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_cdk_nag_is_awake() -> None:
    done = _run("-c", OF_A_BARE_BUCKET)

    assert "AwsSolutions-S1 small/bare/Resource" in done.stdout


def test_cfn_lint_finds_nothing_but_what_is_planted(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(
        json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicTitle": "alarms"}}}}),
        encoding="utf-8",
    )

    linter = Path(sys.executable).with_name("cfn-lint")
    done = _run(linter, "--format", "json", "--ignore-checks", *ACCEPTED, "--template", TEMPLATE, broken)

    assert [(Path(found["Filename"]), found["Rule"]["Id"]) for found in json.loads(done.stdout)] == [(broken, "E3002")]
