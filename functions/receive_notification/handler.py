"""Take notifications of new mail from Graph, and webhooks of e-mails to be sent from a CRM."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from email_router.wiring import observe
from email_router.wiring.reception import reception

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

reception_desk = reception(os.environ)


@observe.function
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer a request of the function URL."""
    return reception_desk.answer(event)
