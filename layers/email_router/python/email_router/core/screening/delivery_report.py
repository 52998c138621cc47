"""Is this a report about an e-mail that we sent?"""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import DeliveryReports


def ask_delivery_report(case: Case) -> Verdict | None:
    """Attach a delivery report to the e-mail it is about; one about a mail that we do not know goes on as any mail."""
    report = case.message.delivery_report
    if report is None or case.reported is None or case.mailbox.delivery_report is not DeliveryReports.ATTACH:
        return None
    evidence = f"{report.action} for {len(report.recipients)} recipients of activity {case.reported.activity}"
    return Verdict(Outcome.ATTACHED, "delivery_report", evidence)
