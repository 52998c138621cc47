"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra_cdk" / "template.json"
ASSEMBLY = ROOT / "cdk.out"
BUILT_LAYERS = ("runtime", "exchange")
"""The layers of packages: what each holds stands in layers/<name>/requirements.txt."""


def requirements(layer: str) -> Path:
    """Return the lock of a layer's packages."""
    return ROOT / "layers" / layer / "requirements.txt"


def built(layer: str) -> Path:
    """Return the folder in which a layer for Lambda is built."""
    return ROOT / ".build" / f"lambda-{layer}"
