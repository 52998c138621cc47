"""The committed template is what the CDK application makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.template import ROOT, TEMPLATE


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The template as `make synth` would write it now.  One process of its own: the CDK's Node takes half a gigabyte."""
    folder = tmp_path_factory.mktemp("synthesis")
    written = folder / "template.json"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-m", "infra_cdk.synth", "--output", written, "--assembly", folder / "cdk.out"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return written.read_text(encoding="utf-8")


def test_the_committed_template_is_fresh(synthesized: str) -> None:
    fresh = synthesized == TEMPLATE.read_text(encoding="utf-8")
    assert fresh, "infra_cdk/template.json is stale: run make synth, read the difference, commit it"


def test_the_template_holds_nothing_of_the_machine_that_made_it(synthesized: str) -> None:
    template = json.loads(synthesized)

    assert "BootstrapVersion" not in template["Parameters"]
    assert "Rules" not in template
    assert "CDKMetadata" not in template["Resources"]
    assert str(ROOT) not in synthesized
    assert str(Path.home()) not in synthesized
    assert "cdk-hnb659fds" not in synthesized
