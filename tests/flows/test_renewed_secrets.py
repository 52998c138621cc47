"""A secret that was changed where it is kept serves from the first refusal on, in every function that logs in."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from unittest.mock import MagicMock, Mock

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater
from email_router.core.mailbox import Direction, Profile
from email_router.wiring import build, push
from email_router.wiring.adapters import Adapters
from email_router.wiring.environment import Environment
from tests.fakes import fail
from tests.flows.house import SALES, House, mail

PROFILE = Profile(name="in", direction=Direction.INCOMING, server="pop3", host="a.example", secret="contoso/in")
ENVIRONMENT = Environment(router_table="r", crm_table="c", data_bucket="b")


def adapters(secrets: Mock) -> Adapters:
    return Adapters("contoso", Mock(secrets=secrets), ENVIRONMENT, Mock())


@pytest.mark.parametrize("another", [True, False])
def test_the_secret_of_the_profile_is_read_anew(another: bool) -> None:
    secrets = Mock(**{"renewed.return_value": another})

    assert adapters(secrets).renewed(PROFILE) is another
    secrets.renewed.assert_called_once_with("contoso/in")


def test_a_profile_without_a_secret_has_none_to_read() -> None:
    secrets = Mock()

    assert not adapters(secrets).renewed(replace(PROFILE, secret=""))
    secrets.renewed.assert_not_called()


@pytest.mark.parametrize("trouble", [TryLater("away"), ConfigurationError("gone")])
def test_a_secret_that_cannot_be_read_now_leaves_the_refusal_as_it_is(trouble: Exception) -> None:
    assert not adapters(Mock(**{"renewed.side_effect": trouble})).renewed(PROFILE)


def test_both_roads_ask_for_it() -> None:
    configuration, services = House().configuration, MagicMock()

    for road in (
        build._incoming(services, ENVIRONMENT, configuration),
        build._outgoing(services, ENVIRONMENT, configuration),
    ):
        services.secrets.renewed.return_value = "told by the store"
        assert cast("object", road.renewed(PROFILE)) == "told by the store"


def test_what_looks_after_the_subscriptions_asks_for_it() -> None:
    services = MagicMock()
    services.configurations.versions.return_value = []

    keeper = push._Renewal(services, ENVIRONMENT)._keeper(House().configuration)

    services.secrets.renewed.return_value = "told by the store"
    assert cast("object", keeper.renewed(PROFILE)) == "told by the store"


@pytest.mark.parametrize(
    ("kind", "another"), [("login_refused", True), ("secret_expired", True), ("login_refused", False)]
)
def test_a_login_that_is_refused_is_tried_once_more_where_another_secret_is_there_by_now(
    kind: str, another: bool
) -> None:
    house, renewed = House(mail(1)), Mock(return_value=another)
    fail(house.source, "has_news", MailboxBlocked("refused", kind=kind))
    house.renewed = renewed

    passed = house.route()

    renewed.assert_called_once_with(house.profile)
    assert (passed.handled, house.states.read(SALES).error_kind) == ((1, "") if another else (0, kind))


def test_a_secret_is_not_read_anew_for_what_no_secret_mends() -> None:
    house, renewed = House(mail(1)), Mock(return_value=True)
    fail(house.source, "has_news", MailboxBlocked("no such mailbox", kind="mailbox_unknown"))
    house.renewed = renewed

    assert house.route().handled == 0
    renewed.assert_not_called()
