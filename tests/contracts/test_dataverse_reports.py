"""A delivery report about no e-mail of ours, where Dynamics 365 decides what it wants: it is offered as any mail, or not at all."""

from __future__ import annotations

import pytest

from email_router.core.crm_rulings import DECIDES
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail
from tests.cloud import Place
from tests.contracts.dataverse_rig import Rig
from tests.contracts.test_dataverse_server import DELIVER, Server
from tests.flows.test_reports_without_id import report

STRANGE = report("Message-ID: <spam@forged.example>\r\n", final="victim@elsewhere.example")
OWN_ID = "<d1@fabrikam.example>"


@pytest.mark.parametrize(("wanted", "rows", "outcome"), [(0, 1, Outcome.DELIVERED), (1, 0, Outcome.IGNORED)])
def test_what_dynamics_wants_of_it_is_there_and_what_it_does_not_is_explained(
    moto_place: Place, dataverse: Rig, wanted: int, rows: int, outcome: Outcome
) -> None:
    house = Server(moto_place, dataverse)
    dataverse.process.put("queue", queueid=house.queue, incomingemailfilteringmethod=wanted)
    house.source.put(STRANGE)

    house.route()

    assert [row["subject"] for row in house.came()] == ["Undelivered"] * rows
    trace = house.trace(OWN_ID)
    asked = {one.question: one.evidence for one in trace.answers}
    assert (trace.outcome, DECIDES in asked) == (outcome, True)
    assert "a report (failed) about no e-mail that the router sent" in asked["delivery_report"]


def test_one_that_is_to_be_dropped_is_never_offered(moto_place: Place, dataverse: Rig) -> None:
    house = Server(moto_place, dataverse)
    house.configure(unknown_delivery_report=AutomaticMail.DROP)
    house.source.put(STRANGE)

    house.route()

    trace = house.trace(OWN_ID)
    assert (trace.outcome, trace.reason, house.came()) == (Outcome.IGNORED, "unknown_delivery_report", [])
    assert house.calls("CheckIncomingEmail") == house.calls(DELIVER) == 0
