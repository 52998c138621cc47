"""Steer a simulated REST API that runs as a process of its own: what it holds at first, its faults, and what was said to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.simulators.certificates import Authority, make_authority
from tests.simulators.running import HttpsProcess

Json = dict[str, Any]


class ApiProcess(HttpsProcess):
    """A simulator that is filled with `seed` when it starts, with an authority of its own where none is given."""

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority | None = None,
        seed: Mapping[str, Any] | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        super().__init__(folder, authority or make_authority(folder / "authority"), certificate)
        self.seed = dict(seed or {})

    def options(self) -> list[str]:
        """Return further options of its command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        seed = self.folder / "seed.json"
        seed.write_text(json.dumps(self.seed))
        return ["--seed", str(seed)]

    def fault(self, match: str, kind: str, **more: Any) -> None:
        """Plant a fault (see the simulator's faults.py) for requests whose "METHOD path" the pattern finds."""
        self.control("POST", "faults", {"match": match, "kind": kind, **more})

    def clear_faults(self) -> None:
        """Forget all faults."""
        self.control("DELETE", "faults")

    def requests(self, match: str = "") -> list[Json]:
        """Return what was said since the last clear_requests(), in order: rows of noting.noted and the headers that the service notes."""
        rows: list[Json] = self.control("GET", "requests")["requests"]
        return [row for row in rows if match in f"{row['method']} {row['path']}"]

    def clear_requests(self) -> None:
        """Forget what was said."""
        self.control("DELETE", "requests")

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """Make one control call."""
        found: Json = self.call(method, path, body)
        return found
