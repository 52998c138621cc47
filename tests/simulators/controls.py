"""Control calls that the simulated REST APIs have in common: applications, faults, and what was said."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from tests.simulators.graph.faults import Faults
from tests.simulators.graph.http import Json, Request
from tests.simulators.graph.world import Application, World


class Service(Protocol):
    """What has faults and notes what is said."""

    @property
    def faults(self) -> Faults:
        """What is planted."""

    @property
    def exchanges(self) -> deque[Json]:
        """What was said."""


def register(login: World, wanted: Json) -> None:
    """Register an application anew: client_id, secrets, expired, certificates, enabled."""
    login.applications[wanted["client_id"]] = Application(
        wanted["client_id"],
        set(wanted.get("secrets", [])),
        set(wanted.get("expired", [])),
        list(wanted.get("certificates", [])),
        bool(wanted.get("enabled", True)),
    )


def _plant(service: Service, request: Request) -> Json:
    service.faults.plant(request.json())
    return {}


def _clear_faults(service: Service, request: Request) -> Json:
    service.faults.clear()
    return {}


def _requests(service: Service, request: Request) -> Json:
    return {"requests": list(service.exchanges)}


def _clear_requests(service: Service, request: Request) -> Json:
    service.exchanges.clear()
    return {}


COMMON = {
    "POST faults": _plant,
    "DELETE faults": _clear_faults,
    "GET requests": _requests,
    "DELETE requests": _clear_requests,
}
