"""The enumeration looks at the whole road: every method that a flow calls on a port is a site, and there are many."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest

import email_router.core.flows
from tests.faults import mailroom, postroom
from tests.faults.letters import LETTERS
from tests.faults.pairs import pairs
from tests.faults.scenes import SCENES
from tests.faults.seam import faults_of

_FLOWS = Path(email_router.core.flows.__file__).parent
_CALL = re.compile(r"\b_?(states|ledger|quarantine|crm|outgoing|blobs|queues|source|sender)\.([a-z_]+)\(")
_COMMANDS = {"erase.py"}
"""Flows that only an operator's command runs: what breaks them off has tests of its own."""

_FEWEST_SITES = 1_200
_FEWEST_RUNS = 10_000


def _calls() -> list[str]:
    incoming = [call for scene in SCENES for call in mailroom.play(scene, mailroom.seams({}))[1].calls]
    return incoming + [call for scene in LETTERS for call in postroom.play(scene, {})[1].calls]


def test_every_method_that_a_flow_calls_on_a_port_is_a_site_and_the_sites_are_many() -> None:
    calls = _calls()

    flows = [file for file in _FLOWS.glob("*.py") if file.name not in _COMMANDS]
    used = {f"{port}.{method}" for file in flows for port, method in _CALL.findall(file.read_text())}
    used -= {f"sender.{method}" for method in dir(str)}  # the address of a sender

    assert len(used) >= 40
    assert used - set(calls) == set()
    assert len(calls) >= _FEWEST_SITES
    assert sum(len(faults_of(call)) for call in calls) >= _FEWEST_RUNS


@pytest.mark.long
def test_two_faults_in_one_run_lose_nothing_and_double_nothing() -> None:
    found = [broken for run in islice(pairs(seed=20261124), 2_500) for broken in run]

    assert found == []
