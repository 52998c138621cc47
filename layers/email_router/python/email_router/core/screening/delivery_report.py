"""Is this a report about an e-mail that we sent?"""

from __future__ import annotations

from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import DeliveryReports


def ask_delivery_report(case: Case) -> Verdict | Passed | None:
    """Attach a delivery report to the e-mail it is about; one about a mail that we do not know goes on as any mail."""
    report = case.message.delivery_report
    if report is None:
        return None
    if case.reported is None:
        return Passed(f"a report ({report.action}) about no e-mail that the router sent")
    evidence = f"{report.action} for {len(report.recipients)} recipients of activity {case.reported.activity}"
    if case.mailbox.delivery_report is DeliveryReports.ATTACH:
        return Verdict(Outcome.ATTACHED, "delivery_report", evidence)
    return Passed(f'{evidence}; {case.mailbox.address} has delivery_report = "{case.mailbox.delivery_report}"')
