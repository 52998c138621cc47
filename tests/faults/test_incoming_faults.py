"""One fault at each call of each scenario of the incoming road: nothing is lost, nothing comes twice, all comes to rest."""

from __future__ import annotations

from pathlib import Path

import pytest

import email_router.core.flows
from tests.faults.mailroom import Scene, account, broken_rules, play, seams
from tests.faults.scenes import SCENES
from tests.faults.seam import Fault, faults_of

_FLOWS = Path(email_router.core.flows.__file__).parent

_OF_ORDER = {"threads", "receipts", "fates"}
"""What hangs on which of several messages came first: an answer that comes before what it answers, two copies of one mail."""


_LARGEST = {
    "a lost message that ends its worker",
    "a message that ends its worker, moved aside",
    "a source that deletes page by page",
    "passes that run out of time",
}


def _marked(scene: Scene) -> object:
    return pytest.param(scene, marks=pytest.mark.long) if scene.name in _LARGEST else scene


@pytest.mark.parametrize("scene", [_marked(scene) for scene in SCENES], ids=lambda scene: scene.name)
def test_whatever_goes_wrong_once_the_same_comes_of_every_message(scene: Scene) -> None:
    house, calm, came = play(scene, seams({}))
    expected = account(house, came)
    found = [f"without a fault: {one}" for one in broken_rules(house, came)]

    for site, name in enumerate(calm.calls):
        for fault in (one for one in faults_of(name) if one not in scene.spared):
            found += _run(scene, site, name, fault, expected)

    assert len(calm.calls) >= 5
    assert found == []


def _run(scene: Scene, site: int, name: str, fault: Fault, expected: dict[str, object]) -> list[str]:
    place = f"{scene.name}: {fault.value}, at call {site} ({name})"
    try:
        house, _, came = play(scene, seams({site: fault}))
    except Exception as broken:  # noqa: BLE001 - whatever breaks is a finding with its place
        return [f"{place}: {type(broken).__name__} {broken}"]
    became = account(house, came)
    wrong = broken_rules(house, came)
    wrong += [
        f"{what}: {became[what]} instead of {expected[what]}"
        for what in expected
        if became[what] != expected[what] and not (what in _OF_ORDER and (fault is Fault.REFUSED or not scene.in_order))
    ]
    return [f"{place}: {one}" for one in wrong]
