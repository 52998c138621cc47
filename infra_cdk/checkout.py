"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra_cdk" / "template.json"
ASSEMBLY = ROOT / "cdk.out"
RUNTIME_REQUIREMENTS = ROOT / "layers" / "runtime" / "requirements.txt"
RUNTIME_LAYER = ROOT / ".build" / "lambda-runtime"
