"""Take notifications of new mail from Graph."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from email_router.wiring import notifications, observe

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

receiver = notifications.receiver(os.environ)


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer a request of the function URL."""
    return receiver.answer(event)
