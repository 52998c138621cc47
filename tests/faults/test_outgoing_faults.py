"""One fault at each call of each scenario of the outgoing road: no e-mail is sent twice, none is lost."""

from __future__ import annotations

import pytest

from email_router.core.activity import EmailStatus
from tests.faults.letters import LETTERS
from tests.faults.postroom import Postroom, Scene, account, broken_rules, play
from tests.faults.seam import Fault, faults_of

_DIES = {Fault.DIES_BEFORE, Fault.DIES_AFTER}


@pytest.mark.parametrize("scene", LETTERS, ids=lambda scene: scene.name)
def test_whatever_goes_wrong_once_every_e_mail_is_sent_once(scene: Scene) -> None:
    office, calm = play(scene, {})
    expected = account(office)
    found = [f"without a fault: {one}" for one in broken_rules(office)]

    for site, name in enumerate(calm.calls):
        for fault in faults_of(name):
            found += _run(scene, site, calm.calls, fault, expected)

    assert len(calm.calls) >= 8
    assert found == []


def _run(scene: Scene, site: int, calls: list[str], fault: Fault, expected: dict[str, object]) -> list[str]:
    place = f"{scene.name}: {fault.value}, at call {site} ({calls[site]})"
    try:
        office, _ = play(scene, {site: fault})
    except Exception as broken:  # noqa: BLE001 - whatever breaks is a finding with its place
        return [f"{place}: {type(broken).__name__} {broken}"]
    became, wrong = account(office), broken_rules(office)
    if scene.same and not (_may_hide(calls, site, fault) and _unknown(office)):
        wrong += [
            f"{what}: {became[what]} instead of {expected[what]}" for what in expected if became[what] != expected[what]
        ]
    return [f"{place}: {one}" for one in wrong]


def _unknown(office: Postroom) -> bool:
    return any(one.status is EmailStatus.UNKNOWN for one in office.outgoing.all())


def _may_hide(calls: list[str], site: int, fault: Fault) -> bool:
    """Tell whether nobody can know afterwards if the mail has left: between the claim and the settling."""
    begun = "outgoing.claim" in calls[: site + (fault is not Fault.DIES_BEFORE)]
    if fault in _DIES:
        return begun
    return fault is Fault.AWAY and calls[site] == "outgoing.settle"
