"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra_cdk" / "template.json"
ASSEMBLY = ROOT / "cdk.out"
CODE_LAYER = "email-router"
"""The layer of our own code, layers/email_router."""
PACKAGE_LAYERS = ("runtime", "exchange")
"""The layers of packages: what each holds stands in layers/<name>/requirements.txt."""
BUILT_LAYERS = (CODE_LAYER, *PACKAGE_LAYERS)


def requirements(layer: str) -> Path:
    """Return the lock of a layer's packages."""
    return ROOT / "layers" / layer / "requirements.txt"


def source(layer: str) -> Path:
    """Return the folder below layers/ that a layer is built from."""
    return ROOT / "layers" / layer.replace("-", "_")


def built(layer: str) -> Path:
    """Return the folder in which a layer for Lambda is built."""
    return ROOT / ".build" / f"lambda-{layer}"
