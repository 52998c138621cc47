"""Turn what became of an order into the answer that SQS, Lambda and a person understand.  The only place that catches everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from email_router.core.errors import ConfigurationError, RouterError, StaleWorker
from email_router.core.unforeseen import place_of
from email_router.wiring.observe import log

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext


def each(
    event: dict[str, Any], context: LambdaContext, act: Callable[[dict[str, Any], LambdaContext], None]
) -> PartialItemFailureResponse:
    """Act on each order of the batch; one that fails goes back to the queue alone, with one log line that says why."""

    def one(record: SQSRecord) -> None:
        try:
            act(json.loads(record.body), context)
        except RouterError as trouble:
            log.warning("order goes back to the queue", kind=trouble.kind, error=type(trouble).__name__)
            raise
        except Exception as problem:
            ours = str(problem) if isinstance(problem, ConfigurationError | StaleWorker) else ""
            log.error("order failed unexpectedly", error=type(problem).__name__, place=place_of(problem), text=ours)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
