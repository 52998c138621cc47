"""What the questions of screening are put to in tests, and how they are asked."""

from __future__ import annotations

from email_router.core.activity import CorrelationMethod, Record
from email_router.core.case import Case, Match, Own, Verdict
from email_router.core.message import DeliveryReport
from email_router.core.screening import ACCEPTANCE, ENTRY, screen
from tests.core.cases import ANN, CUSTOMER, SALES, known

CONTACT = Record("contact", "c1", "Carla")
MATCH = Match(known("order", CUSTOMER), CorrelationMethod.IN_REPLY_TO, "", "in_reply_to")
REPORT = DeliveryReport("failed", (), "<out@contoso.example>")
OUT = known("out", ANN.address, CUSTOMER)
OURS = Own("out", SALES.address)
ANNS = Own("out", ANN.address)


def entry(one: Case) -> Verdict | None:
    """Ask the questions before matching."""
    return screen(one, ENTRY).verdict


def accept(one: Case) -> tuple[str, str]:
    """Ask the questions after matching; return outcome and reason."""
    verdict = screen(one, ACCEPTANCE).verdict
    assert verdict is not None
    return verdict.outcome.value, verdict.reason
