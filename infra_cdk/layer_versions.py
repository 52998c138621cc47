"""The layers that functions stand on: our own code, the packages that it needs, and those that only Exchange servers need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk import checkout

NOT_DEPLOYED = ("python/email_router/cli", "**/__pycache__")
STAMPS = (".made-*",)
"""Notes of the installation about what it made; they would make the asset another one on each machine."""


def folder_of(layer: str, *, built: bool) -> Path:
    """Return the folder of a layer of packages, or a small stand-in where only the template is wanted (`built` is false).

    Raises SystemExit when the layer is to be deployed and was not built.
    """
    if not built:
        return checkout.requirements(layer).parent
    folder = checkout.built(layer)
    if not (folder / "python").is_dir():
        raise SystemExit(f"{folder.relative_to(checkout.ROOT)} is missing: run make layers before make deploy")
    return folder


class Layers(Construct):
    """`layer-email-router` needs no build: its folder is the asset.  The others are built by layers.py."""

    def __init__(self, scope: Construct, construct_id: str, *, built: bool) -> None:
        super().__init__(scope, construct_id)
        code = checkout.ROOT / "layers" / "email_router"
        self.email_router = self._layer("layer-email-router", code, "the router's own code", leave_out=NOT_DEPLOYED)
        self.runtime = self._layer(
            "layer-runtime", folder_of("runtime", built=built), "the packages it needs", leave_out=STAMPS
        )
        self.exchange = self._layer(
            "layer-exchange", folder_of("exchange", built=built), "what speaks to Exchange servers", leave_out=STAMPS
        )

    @property
    def every(self) -> list[lambda_.ILayerVersion]:
        """The layers that every function takes."""
        return [self.email_router, self.runtime]

    @property
    def of_mailboxes(self) -> list[lambda_.ILayerVersion]:
        """The layers of a function that logs in to mailboxes."""
        return [*self.every, self.exchange]

    def _layer(self, name: str, folder: Path, description: str, leave_out: Sequence[str] = ()) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name,
            description=f"CRM E-mail Router: {description}",
            code=lambda_.Code.from_asset(str(folder), exclude=list(leave_out)),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )
