"""Start the simulated Dataverse as a process of its own, and steer it."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from tests.simulators.certificates import Authority, make_authority
from tests.simulators.graph.world import CLIENT, SECRET, TENANT
from tests.simulators.process import start_process, stop_process

__all__ = ["CLIENT", "SECRET", "TENANT", "DataverseProcess"]

Json = dict[str, Any]


class DataverseProcess:
    """A simulator on a free loopback port.  Use it as a context manager, or call start() and stop()."""

    def __init__(
        self, folder: Path, *, authority: Authority | None = None, seed: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.authority = authority or make_authority(folder / "authority")
        self.seed = dict(seed or {})
        self.port = 0

    @property
    def url(self) -> str:
        """The organisation's address."""
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> DataverseProcess:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        certificate, key = self.authority.issue()
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(self.seed))
        command = [
            sys.executable,
            "-m",
            "tests.simulators.dataverse",
            "--port",
            str(self.port),
            "--cert",
            str(certificate),
        ]
        command += ["--key", str(key), "--seed", str(seed), "--ready", str(self.folder / "ready")]
        self._process, ready = start_process(command, self.folder)
        self.port = ready["port"]
        self._trust = ssl.create_default_context(cafile=str(self.authority.ca))
        return self

    def stop(self) -> None:
        """End it."""
        stop_process(self._process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def put(self, table: str, **row: Any) -> Json:
        """Write a row as an administrator would; lookups as {"table", "id"}."""
        return self.control("POST", "rows", {"table": table, "row": row})

    def rows(self, table: str) -> list[Json]:
        """Return all rows of a table."""
        found: list[Json] = self.control("GET", f"rows?{urlencode({'table': table})}")["rows"]
        return found

    def reset(self) -> None:
        """Begin anew; who is signed in stays signed in."""
        self.control("POST", "reset", {})

    def settings(self, **wanted: Any) -> Json:
        """Set member, denied, token_seconds, alternate_keys and the limits requests, seconds, at_once, window.

        Done at once: spend_requests, spend_seconds, clear_limits, revoke_tokens.
        """
        return self.control("POST", "settings", wanted)

    def application(self, *, client_id: str = CLIENT, secrets: Sequence[str] = (), expired: Sequence[str] = ()) -> None:
        """Register an application anew."""
        self.control(
            "POST", "applications", {"client_id": client_id, "secrets": list(secrets), "expired": list(expired)}
        )

    def fault(self, match: str, kind: str, **more: Any) -> None:
        """Plant a fault (see faults.DataverseFault) for requests whose "METHOD path" the pattern finds."""
        self.control("POST", "faults", {"match": match, "kind": kind, **more})

    def clear_faults(self) -> None:
        """Forget faults that were not met."""
        self.control("DELETE", "faults")

    def requests(self, match: str = "") -> list[Json]:
        """Return what was said since the last clear_requests(), in order: method, path, query, headers, body, status, answer, batched."""
        rows: list[Json] = self.control("GET", "requests")["requests"]
        return [row for row in rows if match in f"{row['method']} {row['path']}"]

    def clear_requests(self) -> None:
        """Forget what was said."""
        self.control("DELETE", "requests")

    def violations(self) -> list[str]:
        """Return what was asked or answered against Microsoft's description since the last call."""
        found: list[str] = self.control("GET", "violations")["violations"]
        return found

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """Make one control call."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_control/{path}", data=data, method=method)
        with urllib.request.urlopen(request, context=self._trust, timeout=30) as response:
            found: Json = json.load(response)
            return found
