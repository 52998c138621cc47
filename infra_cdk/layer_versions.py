"""The two layers that every function stands on: our own code, and the packages that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.checkout import ROOT, RUNTIME_LAYER, RUNTIME_REQUIREMENTS

NOT_DEPLOYED = ("python/email_router/cli", "**/__pycache__")
STAMPS = (".made-*",)
"""Notes of the installation about what it made; they would make the asset another one on each machine."""


def runtime_folder(*, built: bool) -> Path:
    """Return the runtime layer's folder, or a small stand-in for it where only the template is wanted (`built` is false).

    Raises SystemExit when the layer is to be deployed and was not built.
    """
    if not built:
        return RUNTIME_REQUIREMENTS.parent
    if not (RUNTIME_LAYER / "python").is_dir():
        raise SystemExit(f"{RUNTIME_LAYER.relative_to(ROOT)} is missing: run make layers before make deploy")
    return RUNTIME_LAYER


class Layers(Construct):
    """`layer-email-router` needs no build: its folder is the asset.  `layer-runtime` is built by layers.py."""

    def __init__(self, scope: Construct, construct_id: str, *, built: bool) -> None:
        super().__init__(scope, construct_id)
        code = ROOT / "layers" / "email_router"
        self.email_router = self._layer("layer-email-router", code, "the router's own code", leave_out=NOT_DEPLOYED)
        self.runtime = self._layer(
            "layer-runtime", runtime_folder(built=built), "the packages it needs", leave_out=STAMPS
        )

    @property
    def both(self) -> list[lambda_.ILayerVersion]:
        """Both layers, as a function takes them."""
        return [self.email_router, self.runtime]

    def _layer(self, name: str, folder: Path, description: str, leave_out: Sequence[str] = ()) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name,
            description=f"CRM E-mail Router: {description}",
            code=lambda_.Code.from_asset(str(folder), exclude=list(leave_out)),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )
