"""Let chosen requests fail in chosen ways."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulators.dataverse.errors import DataverseFailure
from tests.simulators.graph.faults import Fault, Faults
from tests.simulators.graph.http import Json, Reply

STATUS_FAULTS = {
    "throttled": (429, "0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
    "unavailable": (503, "0x80044150", "The service is temporarily unavailable."),
    "timeout": (504, "0x80044151", "SQL timeout expired."),
    "broken": (500, "0x80040216", "An unexpected error occurred."),
    "disabled": (403, "0x8004A106", "The organization is disabled."),
}


@dataclass
class DataverseFault(Fault):
    """A fault as the Graph simulator has them, in Dataverse's words: "close" and "lose_answer" cut the line before and after the commit."""

    def reply(self) -> Reply | None:
        """Return the error answer, or None for a fault of the line."""
        known = STATUS_FAULTS.get(self.kind)
        if self.kind == "status":
            known = self.status, self.code, self.message
        if known is None:
            return None
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        return DataverseFailure(*known, headers).reply


class DataverseFaults(Faults):
    """All faults that are planted, first come first served."""

    def plant(self, wanted: Json) -> None:
        """Plant one."""
        self._planted.append(DataverseFault(**wanted))
