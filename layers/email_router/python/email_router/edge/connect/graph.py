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
from email_router.edge.connect.graph_errors import THROTTLED, GraphReply, JsonObject, failure, means_mailbox
from email_router.edge.connect.https import Answer, Place, ask
from email_router.edge.connect.microsoft_login import access_token, account_of, cloud_of, forget_token

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from email_router.core.errors import RouterError
    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach

MOST_IN_BATCH = 20
"""How many requests a $batch may hold (learn.microsoft.com/graph/json-batching)."""

_UNAUTHORIZED = 401
_ERROR = 400
_FIRST_WAIT = 60.0
_LONGEST_WAIT = 900.0
_SAFE = "%/:=&?~#+!$,;'@()*[]"

_FORGOTTEN = 1800.0

_throttled: dict[tuple[str, str], tuple[int, float]] = {}
"""How often a mailbox was throttled, each time within half an hour of the last, and when last; in this process."""


class GraphClient:
    """Microsoft Graph v1.0 on behalf of one mailbox, as an application."""

    def __init__(self, profile: Profile, address: str, secret: str, reach: Reach) -> None:
        """Take what is needed; nothing is opened yet.  Raises ConfigurationError or MailboxBlocked "credentials"."""
        self.address = address
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
        if prefer:
            headers["Prefer"] = ", ".join(prefer)
        for last in (False, True):
            token = access_token(self._account)
            bearing = {**headers, "Authorization": f"Bearer {token}"}
            answer = ask(self._place, method, where, bearing, body, repeatable=repeatable)
            if answer.status != _UNAUTHORIZED or last:
                break
            answer.read()
            forget_token(self._account, token)
        return answer

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

        An error status is raised (graph_errors.failure), except those of `accept` where they are not about the mailbox as a whole.
        """
        body = json.dumps(content).encode() if content is not None else b""
        answer = self.open(
            method, target, body=body, content_type="application/json", prefer=prefer, repeatable=repeatable
        )
        reply = GraphReply(answer.status, answer.headers, answer.read())
        if reply.status >= _ERROR and (reply.status not in accept or means_mailbox(reply)):
            raise self.failure(reply)
        return reply

    def batch(self, requests: Sequence[JsonObject]) -> list[GraphReply]:
        """Send up to 20 requests ({method, url, body}) at once and return their answers in the same order, whatever their statuses.

        A body that is no JSON comes as the text that Graph made of it.
        """
        rows = [{"id": str(number), **request} for number, request in enumerate(requests)]
        for row in rows:
            if "body" in row:
                row["headers"] = {"Content-Type": "application/json"}
        reply = self.call("POST", "/$batch", content={"requests": rows})
        answers = reply.json().get("responses")
        found = (
            {str(one.get("id")): one for one in answers if isinstance(one, dict)} if isinstance(answers, list) else {}
        )
        missing = [row["id"] for row in rows if row["id"] not in found]
        if missing:
            raise TryLater(
                f"{self.address}: Graph left {len(missing)} requests of a batch unanswered",
                kind="graph_answer",
                shared=True,
            )
        return [_batched(found[row["id"]]) for row in rows]

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


def _batched(row: Mapping[str, object]) -> GraphReply:
    status, headers, body = row.get("status"), row.get("headers"), row.get("body")
    named = {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return GraphReply(status if isinstance(status, int) else 0, named, content if body is not None else b"")
