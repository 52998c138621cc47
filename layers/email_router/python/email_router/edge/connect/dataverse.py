"""Hold the line to Dataverse for one organisation: signed in, over kept lines, with OData's headers, pages, batches and typed errors.

Nothing is retried here but a 401, once, with a fresh token: waiting is the schedule's business.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Protocol

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.connect import dataverse_batch
from email_router.edge.connect.dataverse_errors import CHANGED, THROTTLED, DataverseReply, JsonObject, failure

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence

    from email_router.edge.connect.dataverse_address import Address
    from email_router.edge.connect.dataverse_batch import Item
    from email_router.edge.connect.dataverse_signing import SignIn
    from email_router.edge.connect.https import Answer

__all__ = ["DataverseClient", "text"]

_ERROR = 400
_ODATA = {"Accept": "application/json", "OData-MaxVersion": "4.0", "OData-Version": "4.0", "User-Agent": "email-router"}
_REPEATABLE = frozenset({"GET", "PATCH", "DELETE"})
_LARGEST_VALUE = 192 * 1024 * 1024
"""Bytes of one value at most: a file of 128 MB, the most that an organisation can allow, in base64."""

_CREATE_ONLY = {"If-None-Match": "*"}


def text(value: str) -> str:
    """Return a text as OData writes it: in single quotes, quotes doubled, and what a URL gives a meaning of its own encoded."""
    plain = value.replace("'", "''")
    for letter, code in (
        ("%", "%25"),
        ("#", "%23"),
        ("&", "%26"),
        ("+", "%2B"),
        ("?", "%3F"),
        ("/", "%2F"),
        ("$", "%24"),
        ('"', "%22"),
    ):
        plain = plain.replace(letter, code)
    return f"'{plain}'"


class Gate(Protocol):
    """What every request passes: it may keep one back, and learns what Dataverse says of the pace."""

    def passing(self) -> AbstractContextManager[None]:
        """Enclose one request and the judging of its answer.  Raises TryLater to keep it back."""


class DataverseClient:
    """The Web API of one organisation.  Targets are paths below it, such as "contacts?$select=fullname"."""

    def __init__(self, address: Address, sign_in: SignIn, organisation: str, gate: Gate | None = None) -> None:
        """Take what is needed; nothing is opened yet.  `organisation` is named in errors, every request passes the `gate`."""
        self.organisation = organisation
        self._address = address
        self._sign_in = sign_in
        self._gate = gate

    def call(
        self,
        method: str,
        target: str,
        content: JsonObject | None = None,
        *,
        prefer: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> DataverseReply:
        """Send one request with an optional JSON body and return the answer; an error status is raised unless it is one of `accept`.

        Raises what checked and the login raise, and AnswerLost when a request was begun and not answered.  A POST goes over a fresh line,
        so that it is lost only when the server may have carried it out.
        """
        body = json.dumps(content).encode() if content is not None else b""
        sent = {"Content-Type": "application/json; charset=utf-8", **(headers or {})} if body else dict(headers or {})
        if prefer:
            sent["Prefer"] = ",".join(prefer)
        with self._passing():
            return self.checked(self._ask(method, target, sent, body, repeatable=method in _REPEATABLE), accept)

    def create(self, target: str, content: JsonObject) -> bool:
        """Make the row at `target`, emails(id), with an id of ours; False when it stands already.  Repeatable."""
        return self.call("PATCH", target, content, headers=_CREATE_ONLY, accept=(CHANGED,)).status != CHANGED

    def pages(self, target: str, size: int, *, prefer: Sequence[str] = ()) -> Iterator[list[JsonObject]]:
        """Yield the rows of a collection page by page, at most `size` (up to 5,000) a page, following Dataverse's own links."""
        following: str | None = target
        while following:
            reply = self.call("GET", following, prefer=(f"odata.maxpagesize={size}", *prefer))
            yield reply.rows()
            link = reply.json().get("@odata.nextLink")
            following = link if isinstance(link, str) else None

    def stream(self, target: str) -> Generator[bytes, None, None]:
        """Yield the raw value of a column (`table(id)/column/$value`) in pieces of at most 64 KB as they come; nothing where it is null.

        Raises as call does, AnswerLost when it breaks off, TryLater "answer_size" beyond 192 MB.  Close it, or read it to its end.
        """
        with self._passing(), closing(self._answered("GET", target, {}, b"", repeatable=True)) as answer:
            if answer.status >= _ERROR:
                self.checked(DataverseReply(answer.status, answer.headers, answer.read()))
            size = 0
            for piece in answer.pieces():
                size += len(piece)
                if size > _LARGEST_VALUE:
                    raise TryLater(f"{self.organisation}: a value of over 192 MB was not read", kind="answer_size")
                yield piece

    def batch(self, items: Sequence[Item]) -> list[tuple[DataverseReply, ...]]:
        """Send up to 1,000 requests at once; return the answers item by item, of a change set all, or the one that refused it.

        An item that fails keeps the others from nothing.  The answers' own errors are the caller's to judge (checked).  A batch with a POST
        goes over a fresh line and is never sent twice; any other may be repeated, as its requests may.  Raises ValueError for more than
        1,000 requests.
        """
        if dataverse_batch.size_of(items) > dataverse_batch.MOST:
            raise ValueError(
                f"a batch holds at most {dataverse_batch.MOST} requests, not {dataverse_batch.size_of(items)}"
            )
        if not items:
            return []
        kind, body = dataverse_batch.compose(self._address, items)
        headers = {"Content-Type": kind, "Prefer": "odata.continue-on-error"}
        repeatable = dataverse_batch.methods_of(items) <= _REPEATABLE
        with self._passing():
            reply = self.checked(self._ask("POST", "$batch", headers, body, repeatable=repeatable))
            answers = dataverse_batch.read(reply, items)
            self._throttled(answers)
        return answers

    def checked(self, reply: DataverseReply, accept: Collection[int] = ()) -> DataverseReply:
        """Return an answer that is well, or accepted.

        Raises TryLater (shared, with the wait that Dataverse names) when it throttles or has trouble, MailboxBlocked "access_denied" naming
        the missing privilege, or "login_refused", MessageRefused "crm_refused" or "vanished", ConfigurationError where no Dataverse is.
        """
        if reply.status < _ERROR or reply.status in accept:
            return reply
        raise failure(reply, self.organisation, self._sign_in.who)

    def _passing(self) -> AbstractContextManager[None]:
        return self._gate.passing() if self._gate else nullcontext()

    def _throttled(self, answers: Iterable[Sequence[DataverseReply]]) -> None:
        """Raise at the gate what throttles one request of a batch: what was done before stays done."""
        if self._gate:
            for reply in (one for replies in answers for one in replies if one.status == THROTTLED):
                self.checked(reply)

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> DataverseReply:
        answer = self._answered(method, target, headers, body, repeatable=repeatable)
        return DataverseReply(answer.status, answer.headers, answer.read())

    def _answered(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, repeatable: bool
    ) -> Answer:
        where = self._address.target(target)
        if where is None:
            raise MailboxBlocked(
                f"{self.organisation}: Dataverse's link leads to another place than {self._address.root}",
                kind="foreign_link",
                mend="Check url of organisation.crm; publish the configuration again when it is right.",
            )
        # Without it, what lies between may answer a GET from its cache (Microsoft, compose HTTP requests).
        fresh = {"If-None-Match": "null"} if method == "GET" or target == "$batch" else {}
        sent = {**_ODATA, **fresh, **headers}
        return self._sign_in.ask(self._address.place, method, where, sent, body, repeatable=repeatable)
