"""May this mail come in, and who wants it?  The questions in their order, and the round in which they are asked."""

from __future__ import annotations

from collections.abc import Sequence

from email_router.core.case import Case, Question, Screened, Verdict
from email_router.core.ledger import Answer
from email_router.core.screening.accept_all import ask_accept_all
from email_router.core.screening.already_delivered import ask_already_delivered
from email_router.core.screening.auto_reply import ask_auto_reply
from email_router.core.screening.bulk import ask_bulk
from email_router.core.screening.correlation_match import ask_correlation_match
from email_router.core.screening.delivery_report import ask_delivery_report
from email_router.core.screening.internal_email import ask_internal_email
from email_router.core.screening.invalid_sender import ask_invalid_sender
from email_router.core.screening.loop import ask_loop
from email_router.core.screening.no_correlation_match import ask_no_correlation_match
from email_router.core.screening.no_recipient_match import ask_no_recipient_match
from email_router.core.screening.not_approved import ask_not_approved
from email_router.core.screening.sender_match import ask_sender_match
from email_router.core.screening.too_old import ask_too_old
from email_router.core.screening.unreadable import ask_unreadable
from email_router.core.screening.untrusted_wrapper import ask_untrusted_wrapper

ENTRY: tuple[Question, ...] = (
    Question("untrusted_wrapper", ask_untrusted_wrapper),  # first: nothing in a forged wrapper is to be believed
    Question("already_delivered", ask_already_delivered),  # before unreadable: what a person discarded stays discarded
    Question("unreadable", ask_unreadable),
    Question("too_old", ask_too_old),
    Question("not_approved", ask_not_approved),
    Question("loop", ask_loop),  # before every question that a policy can answer with "deliver"
    Question("delivery_report", ask_delivery_report),  # before auto_reply and bulk: a report looks like both
    Question("auto_reply", ask_auto_reply),
    Question("bulk", ask_bulk),
)
"""Asked before matching."""

ACCEPTANCE: tuple[Question, ...] = (
    Question("internal_email", ask_internal_email),  # first: it may say no, whoever would accept
    Question("no_recipient_match", ask_no_recipient_match),
    Question("accept_all", ask_accept_all),
    Question("correlation_match", ask_correlation_match),
    Question("sender_match", ask_sender_match),
    Question("invalid_sender", ask_invalid_sender),  # from here on nobody wants it: why?
    Question("no_correlation_match", ask_no_correlation_match),  # always answers
)
"""Asked after matching.  The last one always answers."""


def screen(case: Case, questions: Sequence[Question]) -> Screened:
    """Ask the questions in order until one answers; every question asked leaves its answer for the trace."""
    answers: list[Answer] = []
    for question in questions:
        said = question.ask(case)
        if isinstance(said, Verdict):
            answers.append(Answer(question.name, said.outcome.value, f"{said.reason}: {said.evidence}"))
            return Screened(said, question.name, tuple(answers))
        answers.append(Answer(question.name, "passes", said.evidence if said else ""))
    return Screened(None, answers=tuple(answers))
