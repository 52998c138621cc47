"""Tell other CRMs of activities and results, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.wiring import crm_events, observe
from email_router.wiring.environment import Environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

publish = crm_events.publish_events(Environment.from_process())


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer which record of the stream must come again first."""
    return publish(event)
