"""Answer the calls that moto does not know: Lambda's own queue of events, and what SES tells of the account and of its suppression list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto.sesv2.responses import SESV2Response

SUPPRESSED = "gone@fabrikam.example"
"""Who lies on the account's suppression list."""

_QUOTA = {"SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 10.0}}
_LISTED = {"EmailAddress": SUPPRESSED, "Reason": "BOUNCE", "LastUpdateTime": 1_795_521_600}


class _Body(BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def answer_what_moto_does_not_know(session: boto3.Session) -> None:
    """Let these calls be answered, by whatever client of the session they are made."""
    for place, answer in (
        ("before-send.sesv2.GetAccount", _account),
        ("before-send.sesv2.GetSuppressedDestination", _suppressed),
        ("before-send.sesv2.SendEmail", _sent),
        ("before-send.lambda.Invoke", _started),
    ):
        session.events.register_first(place, answer)  # type: ignore[arg-type]  # its stub says None, but an answer counts


def keep_moto_silent(patch: pytest.MonkeyPatch) -> None:
    """Let moto, which is asked beside us, not fail at operations that it lacks."""
    for operation in ("get_account", "get_suppressed_destination"):
        patch.setattr(SESV2Response, operation, lambda _: "{}", raising=False)


def _account(request: Any, **_: object) -> AWSResponse:
    return _answer(request, 200, _QUOTA)


def _suppressed(request: Any, **_: object) -> AWSResponse:
    return _answer(request, 200, {"SuppressedDestination": _LISTED})


def _sent(request: Any, **_: object) -> AWSResponse:
    return _answer(request, 200, {"MessageId": "0100018-000000"})


def _started(request: Any, **_: object) -> AWSResponse:
    return _answer(request, 202, {})


def _answer(request: Any, status: int, told: object) -> AWSResponse:
    return AWSResponse(request.url, status, {}, _Body(json.dumps(told).encode()))  # type: ignore[arg-type]  # enough of a body
