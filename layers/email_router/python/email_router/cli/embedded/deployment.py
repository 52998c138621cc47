"""Deploy the stack's own template into the emulator, or find the one that stands there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from email_router.cli.embedded.endpoint import Endpoint
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

STACK = "email-router"
ASSETS_BUCKET = "email-router-assets"
_DEPLOYED_WITHIN = 120.0
_STORES = frozenset(
    {
        *("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"),
        *("AWS::KMS::Key", "AWS::SecretsManager::Secret"),
    }
)
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def deploy(
    endpoint: Endpoint,
    template: Path,
    assets: Mapping[str, Path],
    parameters: Mapping[str, str] | None = None,
    *,
    name: str = STACK,
    stores_only: bool = False,
) -> DeployedStack:
    """Upload the assets, create the stack (or update the one that stands) and wait for it.

    `stores_only` leaves out whatever acts: it is for one who only looks at what is stored, or changes it.
    """
    described = stores_of(_read(template)) if stores_only else _read(template)
    _check_assets(template, described, assets)
    _upload(endpoint, described, assets)
    cloudformation = endpoint.cloudformation()
    values = {"AssetsBucket": ASSETS_BUCKET, **(parameters or {})}
    known = described.get("Parameters", {})
    arguments: dict[str, Any] = {
        "StackName": name,
        "TemplateURL": f"{endpoint.url}/{ASSETS_BUCKET}/template.json",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items() if key in known],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    call: Callable[..., object] = (
        cloudformation.update_stack if _stands(cloudformation, name) else cloudformation.create_stack
    )
    try:
        call(**arguments)
    except ClientError as refusal:
        raise EmbeddedCloudError(
            f"the emulator refused the stack: {refusal}. Check {template} (make synth)."
        ) from refusal
    _wait(cloudformation, name)
    return attach(endpoint, name=name)


def attach(endpoint: Endpoint, *, name: str = STACK) -> DeployedStack:
    """The stack that stands at an endpoint, also one that another process deployed."""
    cloudformation = endpoint.cloudformation()
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    resources = {
        resource["LogicalResourceId"]: (resource["ResourceType"], resource.get("PhysicalResourceId", ""))
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        for resource in page["StackResourceSummaries"]
    }
    template = _as_mapping(cloudformation.get_template(StackName=name)["TemplateBody"])
    return DeployedStack(
        endpoint=endpoint,
        outputs={output["OutputKey"]: output["OutputValue"] for output in outputs},
        resources=resources,
        functions={
            _folder_of(definition): resources[logical][1]
            for logical, definition in template["Resources"].items()
            if definition["Type"] == "AWS::Lambda::Function" and logical in resources
        },
        name=name,
    )


def _as_mapping(template: object) -> dict[str, Any]:
    """The client gives a JSON template as text or read already, depending on how it was uploaded."""
    return cast("dict[str, Any]", json.loads(template) if isinstance(template, str) else template)


def _folder_of(function: Mapping[str, Any]) -> str:
    key = str(function["Properties"]["Code"]["S3Key"])
    return key.rpartition("/")[2].removeprefix("fn-").removesuffix(".zip").replace("-", "_")


def _read(template: Path) -> dict[str, Any]:
    try:
        return _as_mapping(template.read_text())
    except FileNotFoundError as missing:
        raise EmbeddedCloudError(f"the stack's template {template} is missing: run make synth") from missing


def _check_assets(template: Path, described: Mapping[str, Any], assets: Mapping[str, Path]) -> None:
    """The emulator makes a layer or function of an object that is not there without a word; so it is asked here."""
    places = [resource.get("Properties", {}) for resource in described["Resources"].values()]
    named = [place.get("Code") or place.get("Content") or {} for place in places]
    missing = sorted({key for code in named if isinstance(code, dict) and (key := code.get("S3Key"))} - set(assets))
    if missing:
        raise EmbeddedCloudError(
            f"the template {template} names {', '.join(missing)}, which this checkout does not build: run make synth"
        )


def stores_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template without what is no store, and without the outputs that tell of such."""
    kept = {logical: one for logical, one in template["Resources"].items() if one["Type"] in _STORES}
    gone = set(template["Resources"]) - set(kept)
    outputs = {name: one for name, one in template.get("Outputs", {}).items() if not gone & set(_words(one))}
    return {**template, "Resources": kept, "Outputs": outputs}


def _words(value: object) -> Iterator[str]:
    """Yield every text in a part of a template: among them the logical ids that it refers to."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)


def _upload(endpoint: Endpoint, template: Mapping[str, Any], assets: Mapping[str, Path]) -> None:
    s3 = endpoint.s3()
    s3.create_bucket(Bucket=ASSETS_BUCKET)
    for key, file in assets.items():
        s3.put_object(Bucket=ASSETS_BUCKET, Key=key, Body=file.read_bytes())
    s3.put_object(Bucket=ASSETS_BUCKET, Key="template.json", Body=json.dumps(template).encode())


def _stands(cloudformation: CloudFormationClient, name: str) -> bool:
    return any(
        stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE"
        for page in cloudformation.get_paginator("describe_stacks").paginate()
        for stack in page["Stacks"]
    )


def _wait(cloudformation: CloudFormationClient, name: str) -> None:
    deadline = time.monotonic() + _DEPLOYED_WITHIN
    while time.monotonic() < deadline:
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if status in _DONE:
            return
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(0.05)
    raise EmbeddedCloudError(f"the stack was not deployed ({status}): {_reasons(cloudformation, name)}")


def _reasons(cloudformation: CloudFormationClient, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if "FAILED" in event.get("ResourceStatus", "")]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in failed)
