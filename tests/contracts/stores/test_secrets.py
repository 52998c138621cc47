"""What the store of secrets promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

import pytest

from email_router.core.errors import ConfigurationError
from tests.cloud import Stores


class TestSecrets:
    def test_a_secret_that_does_not_exist_is_a_matter_of_configuration(self, stores: Stores) -> None:
        with pytest.raises(ConfigurationError, match="contoso/pop3"):
            stores.secrets.get("contoso/pop3")

    def test_a_secret_is_made_changed_and_read(self, stores: Stores) -> None:
        stores.secrets.put("contoso/pop3", "first")
        assert stores.secrets.get("contoso/pop3") == "first"
        stores.secrets.put("contoso/pop3", '{"ann@contoso.example": "p\u00e4ss"}')

        assert stores.secrets.get("contoso/pop3") == '{"ann@contoso.example": "p\u00e4ss"}'
        assert stores.secrets.refresh("contoso/pop3") == '{"ann@contoso.example": "p\u00e4ss"}'
