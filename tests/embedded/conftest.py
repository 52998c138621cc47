"""A checkout whose template and functions are the small stack of this folder, and the embedded cloud run from it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.embedded.assets import build_assets
from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.deployment import deploy
from email_router.cli.embedded.endpoint import Endpoint
from email_router.cli.embedded.ministack import MiniStack
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

SMALL = Path(__file__).parent / "small_stack"


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    real = Checkout.find()
    try:
        assert real.emulator_python
        assert real.runtime
        assert real.exchange
    except EmbeddedCloudError as missing:
        if os.environ.get("EMAIL_ROUTER_CI") == "1":
            raise
        pytest.skip(str(missing))
    return small_checkout(tmp_path_factory.mktemp("checkout"))


def small_checkout(root: Path) -> Checkout:
    """Real environments and layers; the small stack's template and functions."""
    real = Checkout.find()
    for name in ("pyproject.toml", ".venv", "layers"):
        (root / name).symlink_to(real.root / name)
    (root / ".build").mkdir()
    for name in ("runtime", "exchange"):
        (root / ".build" / name).symlink_to(real.build / name)
    (root / "functions").symlink_to(SMALL / "functions")
    (root / "infra_cdk").symlink_to(SMALL)
    return Checkout(root)


@pytest.fixture(scope="module")
def stack(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    with MiniStack(tmp_path_factory.mktemp("cloud"), checkout=checkout) as ministack:
        yield deploy(Endpoint(ministack.endpoint), checkout.template, build_assets(checkout), {"Note": "from a test"})


@pytest.fixture
def work(stack: DeployedStack) -> Callable[..., None]:
    def send(**job: Any) -> None:
        stack.client("sqs").send_message(QueueUrl=stack.queue("work-queue"), MessageBody=json.dumps(job))

    return send


def rows(stack: DeployedStack) -> list[dict[str, str]]:
    """What the functions of the small stack wrote down."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.table("router"))
    return [{name: value.get("S", "") for name, value in item.items()} for page in pages for item in page["Items"]]


def done(stack: DeployedStack, job: str) -> list[dict[str, str]]:
    return [row for row in rows(stack) if row["pk"] == job]
