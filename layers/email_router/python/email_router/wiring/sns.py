"""Open what Amazon SNS delivers to a function: each notice proven first, an event of SES inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from email_router.core.errors import MessageRefused
from email_router.wiring import registry

if TYPE_CHECKING:
    from email_router.core.ports import Reach
    from email_router.edge.connect.sns_signature import SnsSignature

_SIGNATURE = (
    "email_router.edge.connect.sns_signature:SnsSignature"  # brings cryptography, which EventBridge's events do without
)


_SET_UP = "Successfully validated SNS topic for Amazon SES event publishing."
_SET_UP_FEEDBACK = "AmazonSnsSubscriptionSucceeded"
"""What SES publishes once, as somebody makes the topic its own: it is about no e-mail."""


class SnsNotices:
    """Turns an event of SNS into events as EventBridge brings them; others pass as they are.

    Only notices of `topic` (an ARN) are believed: SNS signs whatever anybody publishes to a topic of his own.
    """

    def __init__(self, reach: Reach, topic: str, signature: SnsSignature | None = None) -> None:
        self._reach = reach
        self._topic = topic
        self._signature = signature

    def opened(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the events.

        Raises MessageRefused "sns_signature" for a notice of another topic, one that SNS did not sign, or whose message is none of SES.
        What SES says as the topic is set up is passed over.
        """
        if "Records" not in event:
            yield event
            return
        for record in event["Records"]:
            notice: dict[str, Any] = record["Sns"]
            if not self._topic or notice.get("TopicArn") != self._topic:
                raise _refused("it comes by another topic than the stage's DeliveryTopic")
            self._proof.prove(notice)
            message = _message(notice)
            if message is not None:
                yield {"detail": message}

    @property
    def _proof(self) -> SnsSignature:
        if self._signature is None:
            self._signature = registry.load(_SIGNATURE)(self._reach)
        return self._signature


def _message(notice: dict[str, Any]) -> dict[str, Any] | None:
    """Return the event of a notice, or None for what SES says as the topic is set up."""
    if str(notice.get("Message")).strip() == _SET_UP:
        return None
    try:
        message = json.loads(notice["Message"])
        if message.get("notificationType") == _SET_UP_FEEDBACK:
            return None
        if "mail" in message and ("eventType" in message or "notificationType" in message):
            return dict(message)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise _refused("it holds no event of Amazon SES")


def _refused(why: str) -> MessageRefused:
    return MessageRefused(
        f"a notification by SNS was not believed: {why}",
        kind="sns_signature",
        mend="Deploy with the topic that SES publishes to as DeliveryTopic, and subscribe the function to no other.",
    )
