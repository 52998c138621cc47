"""The layers that functions stand on: our own code, the packages that it needs, and those that only Exchange servers need."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk import checkout

LEFT_OUT = (".made-*", "python/email_router/cli", "**/__pycache__")
"""Of stand-ins: what is built has none of it but the notes of the installation, which are each machine's own."""
STAMPS = (".made-*",)


def folder_of(layer: str, *, built: bool) -> Path:
    """Return the folder of a layer, or a small stand-in where only the template is wanted (`built` is false).

    Raises SystemExit when the layer is to be deployed and was not built.
    """
    if not built:
        return checkout.source(layer)
    folder = checkout.built(layer)
    if not (folder / "python").is_dir():
        raise SystemExit(f"{folder.relative_to(checkout.ROOT)} is missing: run make layers before make deploy")
    return folder


class Layers(Construct):
    """Three layers, as layers.py builds them."""

    def __init__(self, scope: Construct, construct_id: str, *, built: bool) -> None:
        super().__init__(scope, construct_id)
        self._built = built
        self.email_router = self._layer(checkout.CODE_LAYER, "the router's own code")
        self.runtime = self._layer("runtime", "the packages it needs")
        self.exchange = self._layer("exchange", "what speaks to Exchange servers")

    @property
    def every(self) -> list[lambda_.ILayerVersion]:
        """The layers that every function takes."""
        return [self.email_router, self.runtime]

    @property
    def of_mailboxes(self) -> list[lambda_.ILayerVersion]:
        """The layers of a function that logs in to mailboxes."""
        return [*self.every, self.exchange]

    def _layer(self, name: str, description: str) -> lambda_.LayerVersion:
        left_out = STAMPS if self._built else LEFT_OUT
        return lambda_.LayerVersion(
            self,
            f"layer-{name}",
            description=f"CRM E-mail Router: {description}",
            code=lambda_.Code.from_asset(str(folder_of(name, built=self._built)), exclude=list(left_out)),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )
