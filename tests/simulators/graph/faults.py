"""Let chosen requests fail in chosen ways."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.simulators.graph.http import GraphFailure, Json, Reply, Request

STATUS_FAULTS = {
    "throttled": (429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    "unavailable": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
    "timeout": (504, "UnknownError", "The upstream did not answer in time."),
    "broken": (500, "ErrorInternalServerError", "An internal server error occurred. The operation failed."),
    "unauthorized": (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    "vanished": (404, "ErrorItemNotFound", "The specified object was not found in the store."),
    "expired_sync": (410, "SyncStateNotFound", "The sync state generation is not found."),
}


class Planted(Reply):
    """An answer that is meant to be none of Graph's: nobody holds it to Graph's description."""


@dataclass
class Fault:
    """What happens to requests whose "METHOD path" the pattern finds, `times` times, after `skip` of them have passed.

    `kind` is one of STATUS_FAULTS, "status" (status, code, message, headers as given), "says" (`body` as it stands), "slow" (answers
    `seconds` later), "close" (no answer, nothing done), "lose_answer" (done, then no answer), or "cut" (the answer breaks off after
    `after_bytes` of its body).
    """

    match: str
    kind: str
    times: int = 1
    skip: int = 0
    status: int = 500
    code: str = "UnknownError"
    message: str = "Simulated."
    retry_after: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    after_bytes: int = 0
    body: str = ""

    def hits(self, request: Request) -> bool:
        """Tell whether this request is the one, and count it."""
        if self.times <= 0 or not re.search(self.match, f"{request.method} {request.path}", re.IGNORECASE):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True

    def reply(self) -> Reply | None:
        """Return the error answer, or None for a fault of the line."""
        if self.kind == "says":
            return Planted(self.status, self.body.encode(), {"Content-Type": "application/json", **self.headers})
        if self.kind == "status":
            status, code, message = self.status, self.code, self.message
        elif self.kind in STATUS_FAULTS:
            status, code, message = STATUS_FAULTS[self.kind]
        else:
            return None
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        return GraphFailure(status, code, message, headers).reply


class Faults:
    """All faults that are planted, first come first served."""

    def __init__(self) -> None:
        self._planted: list[Fault] = []

    def plant(self, wanted: Json) -> None:
        """Plant one."""
        self._planted.append(Fault(**wanted))

    def clear(self) -> None:
        """Forget all."""
        self._planted.clear()

    def hit(self, request: Request) -> Fault | None:
        """Return the fault that this request meets, or None."""
        return next((fault for fault in self._planted if fault.hits(request)), None)
