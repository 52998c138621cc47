"""Send by Amazon SES (API v2, SendEmail with raw content)."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)

from email_router.core.errors import MessageRefused, RouterError, TryLater
from email_router.core.sending import MOST_AT_ONCE, RecipientResult, SendOutcome, SendResult
from email_router.core.tags import tag_value
from email_router.core.wire import mail_address
from email_router.edge.senders import ses_answers, ses_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from types_boto3_sesv2 import SESV2Client
    from types_boto3_sesv2.type_defs import SendEmailRequestTypeDef, SendEmailResponseTypeDef

    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.octets import Octets
    from email_router.core.ports import Reach
    from email_router.core.sending import Envelope

LARGEST_MAIL = 40 * 1024 * 1024
"""Quota of SES v2: bytes a message (SES developer guide, "Service quotas").  That of recipients is MOST_AT_ONCE."""

_BEST = (SendOutcome.ACCEPTED, SendOutcome.UNKNOWN, SendOutcome.DEFERRED, SendOutcome.REFUSED)
_LATER = SendResult(
    outcome=SendOutcome.DEFERRED, evidence="the account's rate at Amazon SES lets no more through now", uncounted=True
)
_LONGEST_SECONDS = 60.0
"""How long further parts of one mail may wait for the account's rate: the worker has others, and an end."""


class Pace(Protocol):
    """Who keeps within what the account is allowed."""

    def hold(self) -> float:
        """Wait and return 0, or return the seconds after which to come again."""

    def sent_to(self, recipients: int) -> None:
        """Count the recipients of an e-mail that SES was given."""


class Suppression(Protocol):
    """Who knows the account's suppression list."""

    def among(self, recipients: Iterable[str]) -> Mapping[str, str]:
        """Return those of the recipients who lie on the list, each with what to say of it."""


class SesSender:
    """Amazon SES.

    SES knows no idempotency token, so the SDK's retries are off: one call a send.  A timeout or a 5xx leaves the mail's fate UNKNOWN, and
    the events of SES settle it: each mail carries organisation and activity as tags.  SES replaces the Message-ID; `provider_id` is its own.

    A mail to more than 50 recipients is handed over once for each 50 of them: the same bytes, each time with an id of its own.  What the
    account's rate does not let through now waits, and nobody gets it twice.
    """

    kind = "ses"

    def __init__(
        self,
        profile: Profile,
        mailbox: Mailbox,
        secret: str,
        reach: Reach,
        *,
        client: SESV2Client | None = None,
        configuration_set: str = "",
        pace: Callable[[SESV2Client], Pace] | None = None,
        suppression: Callable[[SESV2Client], Suppression] | None = None,
    ) -> None:
        """Take the client, or make one where none is given; the role's credentials are used, so secret and reach are not.

        `pace` makes who keeps the account's rate and quota; without one SES throttles by itself.  `suppression` makes who knows the
        suppression list; without one SES bounces what is sent to those on it.
        """
        del secret, reach
        self._address = mailbox.address
        self._client = client or ses_client(profile.endpoint)
        self._configuration_set = configuration_set
        self._pace = pace(self._client) if pace else None
        self._suppression = suppression(self._client) if suppression else None

    def hold(self) -> float:
        """Wait for the account's next free moment and return 0, or the seconds after which to come again."""
        return self._pace.hold() if self._pace else 0.0

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Hand the mail over once, to those who do not lie on the suppression list."""
        held_back = self._suppression.among(envelope.recipients) if self._suppression else {}
        if not held_back:
            return self._to_all(envelope, composed)
        told = tuple(RecipientResult(address, SendOutcome.REFUSED, why) for address, why in held_back.items())
        left = tuple(address for address in envelope.recipients if address not in held_back)
        if not left:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=told[0].evidence, recipients=told)
        sent = self._to_all(replace(envelope, recipients=left), composed)
        return replace(sent, recipients=(*told, *sent.recipients))

    def _to_all(self, envelope: Envelope, composed: Octets) -> SendResult:
        """Hand it over to as many at once as SES takes."""
        most = MOST_AT_ONCE[self.kind]
        if len(envelope.recipients) <= most:
            return self._send(envelope, composed)
        parts = [envelope.recipients[at : at + most] for at in range(0, len(envelope.recipients), most)]
        results: list[SendResult] = []
        until = monotonic() + _LONGEST_SECONDS
        for part in parts:
            late = bool(results) and monotonic() > until
            results.append(_LATER if late else self._to_some(replace(envelope, recipients=part), composed, results))
        return _together(parts, results)

    def _to_some(self, envelope: Envelope, composed: Octets, before: Sequence[SendResult]) -> SendResult:
        """Hand it over to some of its recipients; once some have it, nothing is raised: the others wait where SES takes no more now."""
        if before and before[-1].outcome is SendOutcome.DEFERRED:
            return before[-1]
        wait = self.hold() if before else 0
        if wait:
            return replace(_LATER, after=wait)
        try:
            return self._send(envelope, composed)
        except MessageRefused as refusal:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=str(refusal))
        except RouterError as trouble:
            if not before:
                raise
            after = trouble.after if isinstance(trouble, TryLater) else 0
            return SendResult(outcome=SendOutcome.DEFERRED, evidence=str(trouble), after=after)

    def _send(self, envelope: Envelope, composed: Octets) -> SendResult:
        flaw = _flaw(envelope, composed)
        if flaw:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=flaw)
        try:
            request = self._request(envelope, composed)
        except MessageRefused as refusal:
            return SendResult(outcome=SendOutcome.REFUSED, evidence=str(refusal))
        try:
            answer = self._answered(request, composed)
        except ClientError as error:
            return ses_answers.judged(error, self._address)
        except BotoCoreError as error:
            if ses_answers.certainly_not_sent(error):
                raise TryLater(
                    f"{self._address}: Amazon SES was not reached: {error}", kind="unreachable", shared=True
                ) from error
            return SendResult(outcome=SendOutcome.UNKNOWN, evidence=f"Amazon SES gave no answer: {error}")
        if self._pace:
            self._pace.sent_to(len(envelope.recipients))
        # The service gives the bare id; one that comes with a domain (emulators) is the same id.
        own = answer["MessageId"].partition("@")[0]
        return SendResult(outcome=SendOutcome.ACCEPTED, evidence="taken by Amazon SES", provider_id=own)

    def close(self) -> None:
        """Do nothing: the SDK's connections are kept for the next batch."""

    def _answered(self, request: SendEmailRequestTypeDef, composed: Octets) -> SendEmailResponseTypeDef:
        """Make the call."""
        held = isinstance(composed, bytes)
        return self._client.send_email(**request) if held else ses_large.send(self._client, request, composed)

    def _request(self, envelope: Envelope, composed: Octets) -> SendEmailRequestTypeDef:
        request: SendEmailRequestTypeDef = {
            "FromEmailAddress": mail_address(envelope.sender),
            "Destination": {"ToAddresses": [mail_address(each) for each in envelope.recipients]},
            "Content": {"Raw": {"Data": composed if isinstance(composed, bytes) else ses_large.PLACE}},
            "EmailTags": [
                {"Name": "organisation", "Value": tag_value(envelope.organisation)},
                {"Name": "activity", "Value": tag_value(envelope.activity)},
            ],
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        return request


def ses_client(endpoint: str = "") -> SESV2Client:
    """Return a client that makes one try a call; `endpoint` is another URL than Amazon's, for a simulator."""
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=10, read_timeout=60)
    return boto3.client("sesv2", endpoint_url=endpoint or None, config=config)


def _together(parts: Sequence[Sequence[str]], results: Sequence[SendResult]) -> SendResult:
    """Return what became of a mail that was handed over in parts, told of each recipient; of the whole, what is best."""
    best = min(results, key=lambda one: _BEST.index(one.outcome))
    waiting = [one for one in results if one.outcome is SendOutcome.DEFERRED]
    ids = [one.provider_id for one in results if one.provider_id]
    return SendResult(
        outcome=best.outcome,
        evidence=best.evidence,
        provider_id=next(iter(ids), None),
        further_ids=tuple(ids[1:]),
        recipients=tuple(
            RecipientResult(address, one.outcome, one.evidence)
            for part, one in zip(parts, results, strict=True)
            for address in part
        ),
        after=max((one.after for one in waiting), default=0),
        uncounted=bool(waiting) and all(one.uncounted for one in waiting),
    )


def _flaw(envelope: Envelope, composed: Octets) -> str:
    if not envelope.recipients:
        return "no recipients"
    if len(composed) > LARGEST_MAIL:
        return f"{len(composed)} bytes, and Amazon SES takes at most {LARGEST_MAIL}: send fewer or smaller attachments"
    return ""
