"""Is this a report about an e-mail that we sent?"""

from __future__ import annotations

from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail, DeliveryReports


def ask_delivery_report(case: Case) -> Verdict | Passed | None:
    """Attach a delivery report to the e-mail it is about; one about a mail that we did not send has a policy of its own.

    Such reports come back for mail that somebody sent under a borrowed address (backscatter).
    """
    report = case.message.delivery_report
    if report is None:
        return None
    if case.reported is None:
        doubt = f": {case.reported_by}" if case.reported_by else ""
        return _about_none(case, f"a report ({report.action}) about no e-mail that the router sent{doubt}")
    evidence = f"{report.action} for {len(report.recipients)} recipients of activity {case.reported.activity}"
    evidence += f", known {case.reported_by}" if case.reported_by else ""
    if case.mailbox.delivery_report is DeliveryReports.ATTACH:
        return Verdict(Outcome.ATTACHED, "delivery_report", evidence)
    return Passed(f'{evidence}; {case.mailbox.address} has delivery_report = "{case.mailbox.delivery_report}"')


def _about_none(case: Case, evidence: str) -> Verdict | Passed:
    policy = case.mailbox.unknown_delivery_report
    if policy is AutomaticMail.DROP:
        return Verdict(Outcome.IGNORED, "unknown_delivery_report", evidence)
    return Passed(f'{evidence}; {case.mailbox.address} has unknown_delivery_report = "{policy}"')
