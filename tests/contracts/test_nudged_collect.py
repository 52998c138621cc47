"""The function collect_outgoing, nudged by one organisation's CRM: what comes while it reads asks anew, and nobody else is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.edge.crm.builtin import BuiltinCrm
from email_router.wiring import build
from email_router.wiring.configuration import load
from email_router.wiring.publishing import publish
from email_router.wiring.services import Services
from tests.cloud import Place, aws_stores
from tests.contracts.dataverse_published import services_of
from tests.deliveries import outgoing

FILE = """
[organisation]
name = "{name}"
[[profiles]]
name = "out"
direction = "outgoing"
server = "smtp"
host = "smtp.contoso.example"
credentials = {{ env = "SMTP_PASSWORD" }}
[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
outgoing = "out"
"""
NAMES = ("contoso", "fabrikam")
Collect = Callable[[Mapping[str, Any]], int]


@pytest.fixture
def services(moto_place: Place) -> Services:
    made = services_of(moto_place)
    for name in NAMES:
        stores = aws_stores(moto_place, name)
        loaded = load(_written(name), {"SMTP_PASSWORD": "secret"})
        publish(loaded, made.configurations, made.secrets, made.states(name), stores.crm)
        stores.crm.create_outgoing(outgoing("e1"))
    return made


def _written(name: str) -> str:
    return FILE.format(name=name)


@pytest.fixture
def collect(services: Services, monkeypatch: pytest.MonkeyPatch) -> Collect:
    monkeypatch.setattr(build, "Services", lambda _environment: services)  # the cloud of this test
    return build.collect_outgoing(services.environment)


def now() -> datetime:
    return datetime.now(UTC)


def organisations(place: Place) -> list[str]:
    return [order["organisation"] for _, order in place.bodies(place.outgoing_queue)]


def test_a_nudge_collects_of_its_organisation_and_a_tick_of_all(collect: Collect, moto_place: Place) -> None:
    assert collect({"organisation": "fabrikam"}) == 1
    assert organisations(moto_place) == ["fabrikam"]

    assert collect({"source": "aws.events", "detail": {}}) == 1
    assert organisations(moto_place) == ["contoso"]


def test_the_nudge_is_gone_before_the_crm_is_read(
    services: Services, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    nudges = services.outgoing_nudges("contoso")
    assert nudges.nudge(now())
    read, passed = BuiltinCrm.pending, []

    def while_it_reads(crm: BuiltinCrm, until: datetime, limit: int) -> Iterator[tuple[str, str]]:
        passed.append(nudges.nudge(now()))
        return iter(list(read(crm, until, limit)))

    monkeypatch.setattr(BuiltinCrm, "pending", while_it_reads)  # what happens at this moment is the point
    collect({"organisation": "contoso"})

    assert passed == [True]
    assert not nudges.nudge(now())  # and that of this moment stands, so its collect comes


def test_a_nudge_of_an_organisation_that_is_not_published_is_nothing(collect: Collect, moto_place: Place) -> None:
    assert collect({"organisation": "nobody"}) == 0
    assert organisations(moto_place) == []


def test_trouble_with_the_crm_is_the_tick_s_to_raise(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:
        raise MailboxBlocked("refused", kind="access_denied")

    monkeypatch.setattr(BuiltinCrm, "pending", refuse)  # a refusal that the built-in CRM never makes

    assert collect({"organisation": "contoso"}) == 0
    with pytest.raises(MailboxBlocked):
        collect({})
