"""Tell by which tokens the e-mail may be found that a delivery report is about."""

from __future__ import annotations

from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.tracking_token import find_tokens


def reported_tokens(message: Message, tracking: Tracking) -> tuple[str, ...]:
    """Return the tokens of the returned mail's subject, then those of the report's own, the last of each first; none for other mail.

    They are asked for whatever the switches of matching say: an e-mail that failed continues no conversation.
    """
    report = message.delivery_report
    if report is None:
        return ()
    subjects = (report.original_subject, message.subject)
    return tuple(dict.fromkeys(one for subject in subjects for one in reversed(find_tokens(subject, tracking))))
