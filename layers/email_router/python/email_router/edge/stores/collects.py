"""Start collect_outgoing for one organisation by Lambda's own queue of events (docs.aws.amazon.com/lambda/latest/dg/invocation-async.html).

Lambda keeps the event for a minute while no function is free, and tries it once: a lost one is made good by the minute's tick.  A queue of
ours would keep it longer than it is worth anything, and cost its being asked day and night.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from email_router.edge.connect.aws import translated

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class LambdaCollects:
    """Collects of one stack.  `client` is called with the first start: reading what Lambda's client is takes as long as all other work."""

    def __init__(self, client: Callable[[], LambdaClient], function: str) -> None:
        self._client = client
        self._function = function

    def start(self, organisation: str) -> None:
        """Hand the event to Lambda and return at once.  If we die before, nothing is left behind."""
        body = json.dumps({"organisation": organisation}, separators=(",", ":")).encode()
        with translated(f"function {self._function}"):
            self._client().invoke(FunctionName=self._function, InvocationType="Event", Payload=body)
