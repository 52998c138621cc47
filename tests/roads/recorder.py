"""Record what the functions ask of AWS, by whatever client: service, operation, parameters, and how it was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

_KEPT = "email_router_call"


@dataclass
class Call:
    """One call of the SDK, whatever it took to have it answered.  `code` is AWS's of an error, empty where it was answered well."""

    service: str
    operation: str
    parameters: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=dict)
    code: str = ""


@dataclass
class Recorder:
    """Takes down the calls of clients made since it began to listen, while a function is at work (`of`)."""

    before: Callable[[Call], None] = lambda _: None
    after: Callable[[Call], None] = lambda _: None
    calls: list[tuple[str, Call]] = field(default_factory=list)
    working: str = ""

    def listen(self, session: boto3.Session) -> None:
        """Listen to every client that the session will make; other sessions are not heard."""
        session.events.register("before-parameter-build", self._begun)
        session.events.register("after-call", self._answered)

    @contextmanager
    def of(self, function: str) -> Iterator[None]:
        """What is asked meanwhile is this function's."""
        self.working = function
        try:
            yield
        finally:
            self.working = ""

    def made_by(self, function: str) -> list[Call]:
        """Return the calls of a function, in order."""
        return [call for name, call in self.calls if name == function]

    def _begun(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        if not self.working:
            return
        call = Call(model.service_model.service_name, model.name, dict(params))
        self.before(call)
        self.calls.append((self.working, call))
        context[_KEPT] = call

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        if (call := context.get(_KEPT)) is not None:
            call.answer, call.code = parsed, parsed.get("Error", {}).get("Code", "")
            self.after(call)
