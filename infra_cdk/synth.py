"""Write infra_cdk/template.json: `python -m infra_cdk.synth`, or another stage's template elsewhere (`--stage`, `--output`).

Assets are named after their constructs, not by CDK's hashes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra_cdk.checkout import ASSEMBLY, TEMPLATE
from infra_cdk.router_stack import RouterStack
from infra_cdk.stage import DEFAULT, Stage
from infra_cdk.stage_file import read_stage

ASSETS_BUCKET = "AssetsBucket"
CODE = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}


def synthesize(folder: Path, stage: Stage) -> str:
    """Synthesize a stage into `folder`; return the template's text, as that of the default stage is committed."""
    app = App(analytics_reporting=False, outdir=str(folder))
    stack = RouterStack(app, stage.stack, stage, built=False)
    names = stack.asset_names()
    template: dict[str, Any] = app.synth().get_stack_by_name(stage.stack).template
    return json.dumps(with_named_assets(template, names), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def with_named_assets(template: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the template with each asset in the bucket of a parameter, under the name that `names` has for its logical id."""
    template["Parameters"][ASSETS_BUCKET] = {
        "Type": "String",
        "Description": "The bucket that holds the functions' and layers' zip files, in this region.",
    }
    for logical_id, resource in template["Resources"].items():
        resource.pop("Metadata", None)
        if resource["Type"] in CODE:
            place = {"S3Bucket": {"Ref": ASSETS_BUCKET}, "S3Key": f"{names[logical_id]}.zip"}
            resource["Properties"][CODE[resource["Type"]]] = place
    return template


def main() -> None:
    """Write the default stage's template where it is committed; another stage's, or anything, where `--output` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=TEMPLATE)
    parser.add_argument("--stage", default=DEFAULT, help="the name of a file in stages/, or a path")
    parser.add_argument("--assembly", type=Path, default=ASSEMBLY)
    chosen = parser.parse_args()
    if chosen.stage != DEFAULT and chosen.output == TEMPLATE:
        parser.error("the committed template is the default stage's: say with --output where this one shall be written")
    chosen.output.write_text(synthesize(chosen.assembly, read_stage(chosen.stage)), encoding="utf-8")
    sys.stderr.write(f"wrote {chosen.output}\n")


if __name__ == "__main__":
    main()
