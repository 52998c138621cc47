"""What is SES's own: which of its answers mean what, and that the SDK never sends twice."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.errors import MailboxBlocked, MessageRefused, TryLater
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome, SendResult
from email_router.core.tags import read_tag, tag_value
from email_router.edge.senders import ses
from email_router.edge.senders.ses import SesSender, ses_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSPreparedRequest

MAIL = b"Subject: x\r\n\r\nHello\r\n"
PROFILE = Profile(name="ses-out", direction=Direction.OUTGOING, server="ses")
ENVELOPE = Envelope(
    organisation="contoso", activity="6f1d-42", sender="sales@contoso.example", recipients=("ann@example.org",)
)


class Answer:
    """Answers requests at the SDK's last step, and keeps them."""

    def __init__(self, respond: Callable[[], tuple[int, str, str]] | Exception) -> None:
        self.respond = respond
        self.requests: list[AWSPreparedRequest] = []

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.requests.append(request)
        if isinstance(self.respond, Exception):
            raise self.respond
        status, code, message = self.respond()
        body = {"MessageId": message} if status == 200 else {"message": message}
        headers = {"x-amzn-ErrorType": code} if code else {}
        return AWSResponse(request.url, status, headers, _Raw(json.dumps(body).encode()))  # type: ignore[arg-type]  # what it reads

    @property
    def body(self) -> dict[str, Any]:
        """The one request that was made."""
        (request,) = self.requests
        assert isinstance(request.body, str | bytes)
        body: dict[str, Any] = json.loads(request.body)
        return body


class _Raw:
    """As much of urllib3's response as botocore reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> list[bytes]:
        return [self._content]

    def read(self) -> bytes:
        return self._content


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)


def sender(answer: Answer, configuration_set: str = "") -> SesSender:
    """A sender whose requests are answered by `answer`."""
    client = ses_client()
    client.meta.events.register("before-send.sesv2", answer)  # type: ignore[arg-type]  # its stub says None, but an answer counts
    mailbox = Mailbox(address="sales@contoso.example")
    return SesSender(PROFILE, mailbox, "", Reach(), client=client, configuration_set=configuration_set)


def sent(status: int, code: str, message: str) -> SendResult:
    """Send one mail that is answered so; exactly one request is made."""
    answer = Answer(lambda: (status, code, message))
    result = sender(answer).send(ENVELOPE, MAIL)
    assert len(answer.requests) == 1
    return result


def test_the_request_holds_envelope_bytes_tags_and_configuration_set() -> None:
    answer = Answer(lambda: (200, "", "0100018-000000"))

    result = sender(answer, "router").send(
        replace(ENVELOPE, recipients=("ann@example.org", "bob@müller.example")), MAIL
    )

    assert (result.outcome, result.provider_id) == (SendOutcome.ACCEPTED, "0100018-000000")
    assert answer.body == {
        "FromEmailAddress": "sales@contoso.example",
        "Destination": {"ToAddresses": ["ann@example.org", "bob@xn--mller-kva.example"]},
        "Content": {"Raw": {"Data": "U3ViamVjdDogeA0KDQpIZWxsbw0K"}},
        "EmailTags": [{"Name": "organisation", "Value": "contoso"}, {"Name": "activity", "Value": "6f1d-42"}],
        "ConfigurationSetName": "router",
    }


@pytest.mark.parametrize(
    ("status", "code", "message", "outcome"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", SendOutcome.DEFERRED),
        (400, "ThrottlingException", "slow down", SendOutcome.DEFERRED),
        (400, "MessageRejected", "virus", SendOutcome.REFUSED),
        (400, "BadRequestException", "Illegal address", SendOutcome.REFUSED),
        (500, "InternalFailure", "oops", SendOutcome.UNKNOWN),
        (503, "", "unavailable", SendOutcome.UNKNOWN),
    ],
)
def test_each_error_of_ses_has_its_meaning(status: int, code: str, message: str, outcome: SendOutcome) -> None:
    result = sent(status, code, message)

    assert result.outcome is outcome
    assert message in result.evidence
    assert (result.after > 0) == (outcome is SendOutcome.DEFERRED)


_FAILED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "


@pytest.mark.parametrize(
    "named", ["sales@contoso.example", "Sales@contoso.example, erin@fabrikam.example", "", "contoso.example"]
)
def test_a_sender_that_ses_does_not_know_lets_its_e_mails_wait_and_says_what_to_verify(named: str) -> None:
    with pytest.raises(MailboxBlocked) as blocked:
        sent(400, "MessageRejected", _FAILED + named)

    assert blocked.value.kind == "ses_unverified"
    assert "Verify the address or its domain" in blocked.value.mend


@pytest.mark.parametrize("named", ["erin@fabrikam.example", "erin@fabrikam.example, bob@fabrikam.example"])
def test_a_recipient_refused_in_the_sandbox_is_told_as_that(named: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        sent(400, "MessageRejected", _FAILED + named)

    assert refused.value.kind == "ses_sandbox"
    assert "production access" in refused.value.mend


def test_what_ses_throttles_is_nobodys_attempt() -> None:
    assert sent(429, "TooManyRequestsException", "Maximum sending rate exceeded.").uncounted
    assert not sent(500, "InternalFailure", "oops").uncounted


def test_the_daily_quota_waits_longer_than_the_rate() -> None:
    rate = sent(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
    quota = sent(429, "TooManyRequestsException", "Daily message quota exceeded.")

    assert quota.after > rate.after


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "AccountSuspendedException"),
        (400, "SendingPausedException"),
        (404, "NotFoundException"),
        (403, "AccessDeniedException"),
        (400, "MailFromDomainNotVerifiedException"),
    ],
)
def test_what_a_person_must_mend_blocks_the_mailbox(status: int, code: str) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        sent(status, code, "no")

    assert caught.value.mend


@pytest.mark.parametrize(
    "failure",
    [
        ConnectTimeoutError(endpoint_url="x"),
        EndpointConnectionError(endpoint_url="x"),
        NoCredentialsError(),
        CredentialRetrievalError(provider="container-role", error_msg="timeout"),
    ],
)
def test_what_certainly_did_not_reach_ses_is_tried_later(failure: Exception) -> None:
    with pytest.raises(TryLater) as caught:
        sender(Answer(failure)).send(ENVELOPE, MAIL)

    assert caught.value.shared


@pytest.mark.parametrize(
    "code", ["InvalidSignatureException", "MissingAuthenticationTokenException", "ExpiredTokenException", ""]
)
def test_a_login_that_aws_does_not_take_costs_no_e_mail(code: str) -> None:
    with pytest.raises(TryLater) as caught:
        sent(403, code, "Signature expired")

    assert (caught.value.kind, caught.value.shared) == ("login_refused", True)


@pytest.mark.parametrize("failure", [ReadTimeoutError(endpoint_url="x"), ConnectionClosedError(endpoint_url="x")])
def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(failure: Exception) -> None:
    answer = Answer(failure)

    result = sender(answer).send(ENVELOPE, MAIL)

    assert result.outcome is SendOutcome.UNKNOWN
    assert len(answer.requests) == 1


def test_a_mail_to_nobody_is_refused_before_the_call() -> None:
    answer = Answer(lambda: (200, "", "id"))

    result = sender(answer).send(replace(ENVELOPE, recipients=()), MAIL)

    assert result.outcome is SendOutcome.REFUSED
    assert answer.requests == []


MANY = tuple(f"r{number}@example.org" for number in range(120))
FIFTY, NEXT, LAST = MANY[:50], MANY[50:100], MANY[100:]
TAKEN, THROTTLED = (200, "", "id"), (429, "TooManyRequestsException", "Maximum sending rate exceeded.")


def sent_to_many(*answers: tuple[int, str, str] | Exception) -> tuple[SendResult, list[list[str]]]:
    """Send to 120; return the result and whom each request was for."""
    left = list(answers)
    answer = Answer(lambda: TAKEN)
    real = answer.__call__

    def respond(request: AWSPreparedRequest, **more: object) -> AWSResponse:
        one = left.pop(0)
        answer.respond = one if isinstance(one, Exception) else lambda: one
        return real(request, **more)

    result = sender(respond).send(replace(ENVELOPE, recipients=MANY), MAIL)  # type: ignore[arg-type]  # called alike
    assert left == []
    bodies = [json.loads(request.body) for request in answer.requests if isinstance(request.body, str | bytes)]
    assert {body["Content"]["Raw"]["Data"] for body in bodies} == {"U3ViamVjdDogeA0KDQpIZWxsbw0K"}
    return result, [body["Destination"]["ToAddresses"] for body in bodies]


def outcomes(result: SendResult) -> dict[SendOutcome, tuple[str, ...]]:
    found: dict[SendOutcome, tuple[str, ...]] = {}
    for one in result.recipients:
        found[one.outcome] = (*found.get(one.outcome, ()), one.address)
    return found


def test_a_mail_to_more_than_ses_takes_at_once_goes_to_fifty_at_a_time_with_each_id_told() -> None:
    result, asked = sent_to_many((200, "", "id1"), (200, "", "id2"), (200, "", "id3"))

    assert asked == [list(FIFTY), list(NEXT), list(LAST)]
    assert (result.outcome, result.ids) == (SendOutcome.ACCEPTED, ("id1", "id2", "id3"))
    assert outcomes(result) == {SendOutcome.ACCEPTED: MANY}


def test_those_whom_the_rate_does_not_let_through_wait_and_the_others_have_it() -> None:
    result, asked = sent_to_many(TAKEN, THROTTLED)

    assert asked == [list(FIFTY), list(NEXT)]
    assert outcomes(result) == {SendOutcome.ACCEPTED: FIFTY, SendOutcome.DEFERRED: (*NEXT, *LAST)}
    assert (result.after, result.uncounted) == (60, True)


def test_a_slow_rate_does_not_hold_the_worker_for_the_whole_of_a_long_list(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 59.0, 61.0])
    monkeypatch.setattr(ses, "monotonic", lambda: next(times))

    result, asked = sent_to_many(TAKEN, TAKEN)

    assert asked == [list(FIFTY), list(NEXT)]
    assert outcomes(result) == {SendOutcome.ACCEPTED: (*FIFTY, *NEXT), SendOutcome.DEFERRED: LAST}
    assert result.uncounted


def test_of_a_part_whose_answer_was_lost_only_its_own_are_unknown() -> None:
    result, asked = sent_to_many(TAKEN, ReadTimeoutError(endpoint_url="x"), TAKEN)

    assert len(asked) == 3
    assert outcomes(result) == {SendOutcome.ACCEPTED: (*FIFTY, *LAST), SendOutcome.UNKNOWN: NEXT}


def test_a_part_that_is_refused_keeps_no_other_back() -> None:
    sandbox = (400, "MessageRejected", "Email address is not verified: r3@example.org")
    result, _ = sent_to_many(sandbox, TAKEN, (400, "BadRequestException", "Illegal address"))

    assert outcomes(result) == {SendOutcome.REFUSED: (*FIFTY, *LAST), SendOutcome.ACCEPTED: NEXT}


@pytest.mark.parametrize(
    "trouble", [ConnectTimeoutError(endpoint_url="x"), (403, "AccountSuspendedException", "suspended")]
)
def test_trouble_before_anybody_has_it_is_raised_and_later_lets_the_others_wait(
    trouble: tuple[int, str, str] | Exception,
) -> None:
    with pytest.raises((TryLater, MailboxBlocked)):
        sent_to_many(trouble)
    result, _ = sent_to_many(TAKEN, trouble)

    assert outcomes(result) == {SendOutcome.ACCEPTED: FIFTY, SendOutcome.DEFERRED: (*NEXT, *LAST)}


def test_a_mail_larger_than_ses_takes_is_refused_before_the_call() -> None:
    answer = Answer(lambda: (200, "", "id"))

    result = sender(answer).send(ENVELOPE, b"x" * (40 * 1024 * 1024 + 1))

    assert result.outcome is SendOutcome.REFUSED
    assert answer.requests == []


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.encode("utf-8", "replace").decode() == text))
def test_a_tag_holds_any_name_and_gives_it_back(text: str) -> None:
    value = tag_value(text)

    assert re.fullmatch("[A-Za-z0-9_-]{1,256}", value)
    assert read_tag(value) == text


@pytest.mark.parametrize("value", ["hex_zz", "hex_ff", "hex_"])
def test_a_tag_that_is_no_hexadecimal_stays_as_it_is(value: str) -> None:
    assert read_tag(value) in {value, ""}
