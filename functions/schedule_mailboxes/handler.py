"""Queue a pass for every mailbox that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.wiring import build, observe
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

schedule = build.schedule_mailboxes(Environment.from_process())


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Answer how many mailboxes were queued."""
    return {"queued": schedule(event)}
