"""Find the contracts and corpora that lie beside a checkout; a user's clone has none of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"


def shared_path(*parts: str) -> Path:
    """Return the path below ../shared; where it is absent the test is skipped, or fails under EMAIL_ROUTER_CI=1.

    At import time of a test module this skips the whole module.
    """
    path = SHARED.joinpath(*parts)
    if path.exists():
        return path
    reason = f"{'/'.join(('..', 'shared', *parts))} is not here: it lies beside the project's own checkouts only"
    if os.environ.get("EMAIL_ROUTER_CI") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
