"""Send many requests about messages at once, twenty in a batch, and wait a little for those that are told to wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from email_router.edge.connect.graph_errors import retry_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_errors import GraphReply, JsonObject

_LONGEST_WAIT = 10.0
_BUSY = frozenset({429, 503})


def patient_batch(client: GraphClient, requests: Sequence[JsonObject]) -> list[GraphReply]:
    """Send up to 20 requests at once and return their answers in order, whatever their statuses.

    Exchange runs four of them at a time (learn.microsoft.com/graph/throttling-limits), and throttles single ones inside a batch that
    succeeds.  Those are sent again after the longest of their Retry-After, in all for ten seconds; the answers of the others are kept
    meanwhile.  What asks for a longer wait, or names none, is returned as it is.
    """
    replies = client.batch(requests)
    left = _LONGEST_WAIT
    while busy := [number for number, reply in enumerate(replies) if reply.status in _BUSY]:
        waits = [retry_after(replies[number], datetime.now(UTC)) for number in busy]
        wait = max((one for one in waits if one is not None), default=0.0)
        if None in waits or max(wait, 1.0) > left:
            break
        left -= max(wait, 1.0)
        time.sleep(wait)
        for number, reply in zip(busy, client.batch([requests[number] for number in busy]), strict=True):
            replies[number] = reply
    return replies
