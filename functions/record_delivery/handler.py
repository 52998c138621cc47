"""Write what SES reports of an e-mail back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.wiring import delivery_reports, observe
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

record = delivery_reports.record_delivery(Environment.from_process())


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str | None]:
    """Answer which e-mail the event was about."""
    return {"activity": record(event, context.aws_request_id)}
