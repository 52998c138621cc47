"""Tell what packages a layer is made of: a bill of materials in CycloneDX's JSON (ECMA-424), for whoever looks for known flaws in them."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any


def write_bill(folder: Path, target: Path) -> None:
    """Write to `target` what is installed in a folder; the same packages give the same bytes, wherever and whenever that is."""
    found = sorted(distributions(path=[str(folder)]), key=lambda one: one.name.lower())
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [_component(one) for one in found],
    }
    target.write_text(json.dumps(bill, indent=1) + "\n")


def _component(one: Distribution) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", one.name).lower()  # as PyPI compares names (PEP 503)
    reference = f"pkg:pypi/{name}@{one.version}"
    told: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": one.name,
        "version": one.version,
        "purl": reference,
    }
    if licence := one.metadata.json.get("license_expression"):
        told["licenses"] = [{"expression": licence}]
    return told
