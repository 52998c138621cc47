"""Look after the subscriptions by which Graph tells of new mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.wiring import observe, push
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

renew = push.renew_subscriptions(Environment.from_process())


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401 - SQS and a tick get different answers
    """Answer how many were queued, or which orders go back to the queue."""
    return renew(event, context)
