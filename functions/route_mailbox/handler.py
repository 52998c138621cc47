"""Serve the mailbox of each order on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.wiring import answer, build, observe
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

route = build.route_mailbox(Environment.from_process())


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answer which orders go back to the queue."""
    return answer.each(event, context, route)
