"""Queue the e-mails that the CRM wants to send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.wiring import build, observe
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

collect = build.collect_outgoing(Environment.from_process())


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Answer how many e-mails were queued: of all organisations on a tick, of one where its CRM nudged."""
    return {"queued": collect(event)}
