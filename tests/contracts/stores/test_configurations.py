"""What the store of configurations promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.errors import ConfigurationError
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.settings import Configuration, CrmSettings, Tracking
from tests.cloud import Stores
from tests.contracts.stores.contents import NOW


def configuration(name: str = "contoso", mailboxes: int = 2) -> Configuration:
    return Configuration(
        organisation=name,
        tracking=Tracking(smart_matching=True, earlier_prefixes=("OLD:",)),
        crm=CrmSettings(kind="dataverse", options={"url": "https://x"}, credentials_expire=NOW),
        profiles=(
            Profile(
                name="in", direction=Direction.INCOMING, server="pop3", process_received_after=NOW, ca_pem="-----\n"
            ),
        ),
        mailboxes=tuple(
            Mailbox(address=f"box{number}@contoso.example", aliases=("x@y",)) for number in range(mailboxes)
        ),
    )


class TestConfigurations:
    def test_nothing_is_published_at_first(self, stores: Stores) -> None:
        assert list(stores.configurations.organisations()) == []
        with pytest.raises(ConfigurationError, match="email-router publish"):
            stores.configurations.current("contoso")

    def test_the_published_version_comes_back_as_it_was(self, stores: Stores) -> None:
        assert stores.configurations.publish(configuration()) == 1
        assert stores.configurations.publish(configuration("fabrikam")) == 1

        assert stores.configurations.current("contoso") == replace(configuration(), version=1)
        assert sorted(stores.configurations.organisations()) == ["contoso", "fabrikam"]

    def test_every_version_is_kept(self, stores: Stores) -> None:
        for number in (1, 2, 3):
            assert stores.configurations.publish(configuration(mailboxes=number)) == number

        assert len(stores.configurations.current("contoso").mailboxes) == 3
        assert list(stores.configurations.versions("contoso")) == [3, 2, 1]
        assert len(stores.configurations.version("contoso", 2).mailboxes) == 2

    def test_a_version_that_is_not_kept_cannot_be_read(self, stores: Stores) -> None:
        stores.configurations.publish(configuration())

        with pytest.raises(ConfigurationError, match="version 7"):
            stores.configurations.version("contoso", 7)
