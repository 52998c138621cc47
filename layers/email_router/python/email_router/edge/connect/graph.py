"""Hold the line to Microsoft Graph for one mailbox: token, certificate, throttling, links, errors.

Nothing is retried here but a 401, once, with a fresh token: waiting is the schedule's business.
"""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater
from email_router.edge.connect.bearing import ask_bearing
from email_router.edge.connect.graph_batch_answers import batched, by_id
from email_router.edge.connect.graph_errors import THROTTLED, GraphReply, JsonObject, failure, means_mailbox
from email_router.edge.connect.https import Answer, Place
from email_router.edge.connect.microsoft_login import account_of, cloud_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from email_router.core.errors import RouterError
    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach

MOST_IN_BATCH = 20
"""How many requests a $batch may hold (learn.microsoft.com/graph/json-batching)."""

IMMUTABLE = 'IdType="ImmutableId"'
"""Asks for ids that a move does not change (learn.microsoft.com/graph/outlook-immutable-id); goes with every request or with none."""

_OK = 200
_FIRST_WAIT = 60.0
_LONGEST_WAIT = 900.0
_SAFE = "%/:=&?~#+!$,;'@()*[]"

_FORGOTTEN = 1800.0

_throttled: dict[tuple[str, str], tuple[int, float]] = {}
"""How often a mailbox was throttled, each time within half an hour of the last, and when last; in this process."""


class GraphClient:
    """Microsoft Graph v1.0 on behalf of one mailbox, as an application."""

    def __init__(self, profile: Profile, address: str, secret: str, reach: Reach, *, immutable: bool = False) -> None:
        """Take what is needed; nothing is opened yet.  `immutable`: ids are asked for and given in their immutable form.

        Raises ConfigurationError or MailboxBlocked "credentials".
        """
        self.address = address
        self.immutable = immutable
        self.user = f"/users/{quote(address, safe='@')}"
        self._account = account_of(profile, secret, reach, address)
        self._root = f"{cloud_of(profile).graph}/v1.0"
        self._base = urlsplit(self._root).path
        self._place = Place.of(self._root, self._account.reach, profile.ca_pem)

    @property
    def host(self) -> str:
        """The host that Graph is spoken to at."""
        return self._place.host

    def beside(self, url: str) -> Place:
        """Return where another https address leads, under the same limits.  Raises ConfigurationError for what is none."""
        return Place.of(
            url, self._account.reach, self._place.ca_pem if urlsplit(url).hostname == self._place.host else ""
        )

    def open(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        content_type: str = "",
        prefer: Sequence[str] = (),
        repeatable: bool = True,
    ) -> Answer:
        """Send one request and return the answer unread, whatever its status; `target` is a path below v1.0 or a whole link of Graph's.

        A token that is refused is replaced once.  Raises what access_token and https.ask raise.
        """
        where = self._target(target)
        headers = {"Accept": "application/json", "User-Agent": "email-router"}
        if body:
            headers["Content-Type"] = content_type
        headers.update(self.preferring(prefer))
        return ask_bearing(self._account, self._place, method, where, headers, body, repeatable=repeatable)

    def call(
        self,
        method: str,
        target: str,
        *,
        content: JsonObject | None = None,
        prefer: Sequence[str] = (),
        accept: Collection[int] = (),
        repeatable: bool = True,
    ) -> GraphReply:
        """Send one request with an optional JSON body and return the whole answer.

        What is not 2xx is raised (graph_errors.failure), except the statuses of `accept` where they are not about the mailbox as a whole.
        """
        body = json.dumps(content).encode() if content is not None else b""
        answer = self.open(
            method, target, body=body, content_type="application/json", prefer=prefer, repeatable=repeatable
        )
        reply = GraphReply(answer.status, answer.headers, answer.read(), address=self.address)
        if not reply.done and (reply.status not in accept or means_mailbox(reply)):
            raise self.failure(reply)
        return reply

    def batch(self, requests: Sequence[JsonObject]) -> list[GraphReply]:
        """Send up to 20 requests ({method, url, body}) at once and return their answers in the same order, whatever their statuses.

        A request may have `headers`.  A body that is no JSON comes as the text that Graph made of it; a long one in base64 comes decoded.
        """
        rows = [self._row(number, request) for number, request in enumerate(requests)]
        body = json.dumps({"requests": rows}).encode()
        answer = self.open("POST", "/$batch", body=body, content_type="application/json")
        if answer.status != _OK:
            raise self.failure(GraphReply(answer.status, answer.headers, answer.read()))
        found = by_id(answer, self.address)
        missing = [row["id"] for row in rows if row["id"] not in found]
        if missing:
            raise TryLater(
                f"{self.address}: Graph left {len(missing)} requests of a batch unanswered",
                kind="graph_answer",
                shared=True,
            )
        return [batched(found.pop(row["id"]), self.address) for row in rows]

    def preferring(self, prefer: Sequence[str] = ()) -> dict[str, str]:
        """Return the header with these preferences and those of the client; nothing where there are none."""
        wanted = (*prefer, IMMUTABLE) if self.immutable and IMMUTABLE not in prefer else prefer
        return {"Prefer": ", ".join(wanted)} if wanted else {}

    def relative(self, link: str) -> str:
        """Return a link of Graph's as it stands in a batch: below v1.0.  Raises MailboxBlocked "foreign_link" as every use of it does."""
        return self._target(link).removeprefix(self._base)

    def leads_here(self, link: str) -> bool:
        """Tell whether a link leads to the configured host: a saved one does not any more when the endpoint or the cloud was changed."""
        try:
            self._target(link)
        except MailboxBlocked:
            return False
        return True

    def failure(self, reply: GraphReply) -> RouterError:
        """Return the error that an answer means, for `raise`."""
        patience = 0.0
        if reply.status == THROTTLED:
            now = time.monotonic()
            before, last = _throttled.get((self._place.host, self.address), (0, now))
            times = before + 1 if now - last < _FORGOTTEN else 1
            _throttled[(self._place.host, self.address)] = times, now
            patience = min(_FIRST_WAIT * 2 ** (times - 1), _LONGEST_WAIT) * random.uniform(1.0, 1.5)  # noqa: S311 - spreads load
        return failure(reply, self.address, self._account.client_id, patience)

    def _row(self, number: int, request: JsonObject) -> JsonObject:
        kind = {"Content-Type": "application/json"} if "body" in request else {}
        headers = {**self.preferring(), **kind, **request.get("headers", {})}
        row = {"id": str(number), **request}
        return {**row, "headers": headers} if headers else row

    def _target(self, target: str) -> str:
        """Return path and query of a path below v1.0, or of a link that leads to the configured host and nowhere else."""
        if not target.startswith("/"):
            try:
                parts = urlsplit(target)
                there = Place.of(target, self._account.reach, self._place.ca_pem)
            except (ValueError, ConfigurationError):
                there = None
            if there != self._place or not parts.path.startswith(f"{self._base}/"):
                raise MailboxBlocked(
                    f"{self.address}: Graph's link leads to {there.host[:80] if there else 'no https address'}, not to {self._place.host}",
                    kind="foreign_link",
                    mend="Check the endpoint of the profile; publish the configuration again when it is right.",
                )
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            return quote(target, safe=_SAFE)
        return quote(f"{self._base}{target}", safe=_SAFE)
