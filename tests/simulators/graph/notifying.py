"""Post to the addresses of subscriptions as Graph does: a handshake first, notifications in the background, again when they are not taken."""

from __future__ import annotations

import html
import json
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
import uuid
from typing import NamedTuple
from urllib.parse import urlencode

from tests.simulators.graph.http import Json

_PATIENCE = 10.0
_TRIES = 4


class Posted(NamedTuple):
    """One POST that was made: where to, what, and the status that came (0: none)."""

    url: str
    value: list[Json]
    status: int
    seconds: float


class Notifier:
    """Posts in a thread of its own, in order."""

    def __init__(self) -> None:
        self.ca_pem = ""
        self.posted: list[Posted] = []
        self._waiting: queue.Queue[tuple[str, list[Json]]] = queue.Queue()
        self._thread: threading.Thread | None = None

    def validate(self, url: str) -> str:
        """Make the handshake; return what is wrong with the answer, or nothing."""
        token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
        joint = "&" if "?" in url else "?"
        try:
            status, kind, body = self._send(f"{url}{joint}{urlencode({'validationToken': token})}", b"", "text/plain")
        except OSError as trouble:
            return f"Notification endpoint could not be reached ({type(trouble).__name__})."
        if status != 200 or not kind.startswith("text/plain"):
            return f"Notification endpoint must respond with 200 OK to validation request, it answered {status} {kind}."
        if html.unescape(body.decode()) != token:
            return "Response must exactly match validationToken query parameter."
        return ""

    def post(self, url: str, value: list[Json]) -> None:
        """Post later."""
        self._waiting.put((url, value))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            url, value = self._waiting.get()
            body = json.dumps({"value": value}).encode()
            for turn in range(_TRIES):
                began = time.monotonic()
                try:
                    status, _, _ = self._send(url, body, "application/json")
                except OSError:
                    status = 0
                self.posted.append(Posted(url, value, status, time.monotonic() - began))
                if 200 <= status < 300:
                    break
                time.sleep(0.2 * (turn + 1))

    def _send(self, url: str, body: bytes, media_type: str) -> tuple[int, str, bytes]:
        request = urllib.request.Request(url, data=body, method="POST", headers={"Content-Type": media_type})
        trust = ssl.create_default_context(cadata=self.ca_pem or None)
        try:
            with urllib.request.urlopen(request, context=trust, timeout=_PATIENCE) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers.get("Content-Type", ""), refused.read()
