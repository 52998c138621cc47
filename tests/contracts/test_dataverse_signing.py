"""The client of Dataverse signs in, and speaks to its organisation only."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.edge.connect.dataverse_address import address_of
from email_router.edge.connect.dataverse_signing import application
from tests.contracts.dataverse_rig import EMAIL, HERE, PEOPLE, Rig, failing
from tests.simulators.certificates import make_authority
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT


class TestSigningIn:
    def test_one_token_serves_many_requests(self, dataverse: Rig) -> None:
        client = dataverse.signed_in(secret=f" {SECRET}")  # an account of its own, so that no earlier token serves

        for _ in range(3):
            client.call("GET", PEOPLE)

        said = [one["path"] for one in dataverse.process.requests()]
        assert len([path for path in said if path.endswith("/oauth2/v2.0/token")]) == 1

    def test_a_token_that_has_expired_is_replaced_once(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.settings(revoke_tokens=True)
        dataverse.process.clear_requests()

        dataverse.client.call("GET", PEOPLE)

        assert [one["status"] for one in dataverse.process.requests("GET /api")] == [401, 200]

    def test_a_token_is_refused_once_its_time_is_over(self, dataverse: Rig) -> None:
        dataverse.process.settings(revoke_tokens=True, token_seconds=0)

        caught = failing(dataverse.signed_in(secret=f"{SECRET} "))

        assert (type(caught), caught.kind) == (MailboxBlocked, "login_refused")
        assert [one["status"] for one in dataverse.process.requests("GET /api")] == [401, 401]

    def test_a_token_for_another_organisation_is_not_given(self, dataverse: Rig) -> None:
        elsewhere = address_of(f"https://localhost:{dataverse.process.port}", HERE, dataverse.process.authority.pem)

        caught = failing(dataverse.signed_in(address=elsewhere))

        assert "AADSTS500011" in str(caught)

    def test_a_token_that_is_never_good_blocks(self, dataverse: Rig) -> None:
        dataverse.process.fault("contacts", "status", times=2, status=401, code="", message="")

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (MailboxBlocked, "login_refused")
        assert "tenant_id" in caught.mend

    def test_a_wrong_secret_is_told_by_entra(self, dataverse: Rig) -> None:
        caught = failing(dataverse.signed_in(secret="wrong"))

        assert (type(caught), caught.kind) == (MailboxBlocked, "login_refused")
        assert "wrong" not in str(caught)

    def test_an_expired_secret_is_told(self, dataverse: Rig) -> None:
        dataverse.process.application(client_id="aged", secrets=["new"], expired=["old"])

        assert failing(dataverse.signed_in("old", "aged")).kind == "secret_expired"

    def test_an_application_that_is_no_user_there_is_told_what_to_do(self, dataverse: Rig) -> None:
        dataverse.process.settings(member=False)

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (MailboxBlocked, "access_denied")
        assert "Application users" in caught.mend
        assert CLIENT in caught.mend

    @pytest.mark.parametrize("name", ["tenant_id", "client_id"])
    def test_without_its_ids_nothing_is_asked(self, dataverse: Rig, name: str) -> None:
        ids = {"tenant_id": TENANT, "client_id": CLIENT, name: ""}

        with pytest.raises(ConfigurationError, match=name):
            application(dataverse.address, secret="x", organisation="contoso", **ids)  # type: ignore[arg-type]  # ids by name

    def test_without_a_secret_it_is_blocked(self, dataverse: Rig) -> None:
        with pytest.raises(MailboxBlocked) as caught:
            application(dataverse.address, tenant_id=TENANT, client_id=CLIENT, secret=" ", organisation="contoso")

        assert caught.value.kind == "credentials"

    def test_the_secret_is_in_no_text_of_the_account(self, dataverse: Rig) -> None:
        assert SECRET not in repr(vars(dataverse.client._sign_in))


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "root", "base"),
        [
            ("https://contoso.crm.dynamics.com", "https://contoso.crm.dynamics.com", "/api/data/v9.2"),
            ("https://contoso.crm4.dynamics.com/", "https://contoso.crm4.dynamics.com", "/api/data/v9.2"),
            ("https://contoso.crm.dynamics.com/api/data/v9.1/", "https://contoso.crm.dynamics.com", "/api/data/v9.2"),
            ("https://crm.contoso.example:5555/Sales", "https://crm.contoso.example:5555", "/Sales/api/data/v9.2"),
        ],
    )
    def test_an_organisation_is_found_from_its_url(self, url: str, root: str, base: str) -> None:
        found = address_of(url, HERE)

        assert (found.root, found.base) == (root, base)
        assert found.target("WhoAmI") == f"{base}/WhoAmI"

    @pytest.mark.parametrize("url", ["", "contoso.crm.dynamics.com", "http://contoso.crm.dynamics.com", "https://u@x"])
    def test_what_is_no_https_address_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="url"):
            address_of(url, HERE)

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/api/data/v9.2/contacts",
            "https://contoso.crm.dynamics.com/other",
            "http://contoso.crm.dynamics.com/api/data/v9.2/x",
        ],
    )
    def test_a_link_to_another_place_is_none_of_ours(self, link: str) -> None:
        assert address_of("https://contoso.crm.dynamics.com", HERE).target(link) is None

    def test_a_page_link_to_another_host_is_not_followed(self, dataverse: Rig) -> None:
        caught = failing(dataverse.client, target="https://evil.example/api/data/v9.2/contacts")

        assert (type(caught), caught.kind) == (MailboxBlocked, "foreign_link")

    def test_a_server_that_is_no_dataverse_is_a_matter_of_configuration(self, dataverse: Rig) -> None:
        dataverse.process.fault("contacts", "status", status=404, code="", message="")

        with pytest.raises(ConfigurationError, match="url"):
            dataverse.client.call("GET", PEOPLE)

    def test_a_certificate_of_somebody_else_is_refused(
        self, dataverse: Rig, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        stranger = make_authority(tmp_path_factory.mktemp("stranger"))
        address = address_of(dataverse.process.url, HERE, stranger.pem)

        assert failing(dataverse.signed_in(address=address)).kind == "certificate"


class TestRenewedSecrets:
    """A secret that was changed where it is kept serves from the first refusal on."""

    @pytest.mark.parametrize(("expired", "kind"), [((), "login_refused"), (("old",), "secret_expired")])
    def test_a_login_that_is_refused_is_tried_once_more_with_the_secret_that_is_kept_now(
        self, dataverse: Rig, expired: tuple[str, ...], kind: str
    ) -> None:
        dataverse.process.application(client_id=kind, secrets=["new"], expired=expired)
        anew = Mock(return_value="new")
        client = dataverse.signed_in("old", kind, anew=anew)

        assert client.create(f"contacts({EMAIL})", {"lastname": "Lee"})
        assert len(client.call("GET", PEOPLE).rows()) == 1

        anew.assert_called_once_with()
        assert failing(dataverse.signed_in("old", kind)).kind == kind

    def test_a_post_is_sent_once_then(self, dataverse: Rig) -> None:
        dataverse.process.application(client_id="posting", secrets=["new"])

        dataverse.signed_in("old", "posting", anew=lambda: "new").call("POST", "contacts", {"lastname": "Lee"})

        assert len(dataverse.process.requests("POST /api")) == len(dataverse.process.rows("contact")) == 1

    @pytest.mark.parametrize("kept", ["wrong", "", " ", "wrong, too"])
    def test_the_same_secret_none_or_another_wrong_one_leaves_the_refusal(self, dataverse: Rig, kept: str) -> None:
        anew = Mock(return_value=kept)

        caught = failing(dataverse.signed_in("wrong", anew=anew))

        assert (type(caught), caught.kind, anew.call_count) == (MailboxBlocked, "login_refused", 1)

    def test_a_secret_is_not_read_anew_for_what_no_secret_mends(self, dataverse: Rig) -> None:
        dataverse.process.settings(member=False)
        anew = Mock(return_value="new")

        assert failing(dataverse.signed_in(anew=anew)).kind == "access_denied"
        assert failing(dataverse.signed_in("-----BEGIN nothing", anew=anew)).kind == "credentials"
        anew.assert_not_called()
