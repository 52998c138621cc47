"""What is carried over from a file of the original E-mail Router."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from email_router.core.errors import ConfigurationError
from email_router.core.mailbox import Direction, MailboxKind
from tests.cli.legacy_files import CRM, SECRET, USERS, exchange, imported, pop3, provider, smtp


class TestWhatIsCarriedOver:
    def test_two_mailboxes_of_one_server_share_a_profile_and_each_has_its_own_password(self) -> None:
        done = imported(pop3() + pop3("ann@contoso.example"))

        configuration = done.loaded().configuration
        (profile,) = configuration.profiles
        assert (profile.name, profile.server, profile.host, profile.port) == (
            "pop3-in",
            "pop3",
            "mail.contoso.example",
            995,
        )
        assert (profile.security.value, profile.username) == ("tls", "")
        assert [(box.address, box.incoming, box.outgoing) for box in configuration.mailboxes] == [
            ("sales@contoso.example", "pop3-in", None),
            ("ann@contoso.example", "pop3-in", None),
        ]
        assert done.told("Set the environment variable POP3_IN_SECRET to a JSON object of a password for each mailbox")

    def test_what_a_mailbox_sends_and_fetches_by_comes_together_with_its_kind_and_name(self) -> None:
        done = imported(pop3("ann@contoso.example") + pop3() + smtp(USERS, EmailAuthMode="Anonymous", name="Out going"))

        boxes = {box.address: box for box in done.loaded().configuration.mailboxes}
        assert boxes["ann@contoso.example"].name == "Ann Lee"
        assert boxes["sales@contoso.example"].kind is MailboxKind.QUEUE
        assert {box.outgoing for box in boxes.values()} == {"Out-going"}
        assert {box.incoming for box in boxes.values()} == {"pop3-in"}

    def test_the_crm_is_dynamics_365_by_its_address_and_its_ids_are_to_be_set(self) -> None:
        done = imported(pop3())

        configuration = done.loaded().configuration
        assert (configuration.organisation, configuration.crm.kind) == ("contoso", "dataverse")
        assert configuration.crm.options["url"] == "https://contoso.crm.dynamics.com"
        assert done.told("set tenant_id and client_id, and its secret in DATAVERSE_SECRET")

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("http://crm.contoso.local/Sales", "Sales"),
            ("http://crm:5555/Contoso/XRMServices/2011/Organization.svc", "Contoso"),
            ("https://user:" + SECRET + "@crm.contoso.example/Org", "Org"),
            ("https://[", "organisation"),
        ],
    )
    def test_a_crm_on_premises_is_none_that_is_reached_yet_and_is_told_without_its_user(
        self, url: str, name: str
    ) -> None:
        done = imported(pop3().replace(CRM, f"<CrmServerUrl>{url}</CrmServerUrl>"))

        configuration = done.loaded().configuration
        assert (configuration.organisation, configuration.crm.kind) == (name, "builtin")
        assert done.told("is no organisation of Dynamics 365 online")
        assert SECRET not in done.text

    def test_an_exchange_sink_becomes_a_forward_mailbox(self) -> None:
        done = imported(
            exchange(
                EmailAddress="sink@contoso.example",
                IsForwardMailbox="true",
                MoveEmails="true",
                DeleteEmails="true",
                ThresholdDateTime="2016-01-02T03:04:05.678",
            )
        )

        configuration = done.loaded().configuration
        ((box,), (profile,)) = configuration.mailboxes, configuration.profiles
        assert (box.kind, box.address, box.after_delivery.value) == (
            MailboxKind.FORWARD,
            "sink@contoso.example",
            "delete",
        )
        assert (profile.server, profile.host, profile.endpoint) == ("exchange", "exchange.contoso.example", "")
        assert (profile.authentication.value, profile.username, profile.access) == (
            "windows",
            "CONTOSO\\router",
            "delegate",
        )
        assert profile.move_undelivered
        assert profile.process_received_after == datetime(2016, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert done.told("authserv_id")

    def test_an_address_of_its_own_stays_that_of_an_exchange_server(self) -> None:
        done = imported(exchange(EmailServer=f"https://me:{SECRET}@mail.contoso.example/other/EWS.asmx"))

        assert done.loaded().configuration.profiles[0].endpoint == "https://mail.contoso.example/other/EWS.asmx"
        assert SECRET not in done.text

    def test_exchange_online_is_reached_as_an_application_by_graph(self) -> None:
        done = imported(
            exchange(EmailServer="outlook.office365.com", EmailUser="sales@contoso.example", EmailPassword=SECRET)
            + provider("ExchangeOnlineSendEmailProvider", EmailUser="sales@contoso.example")
        )

        configuration = done.loaded().configuration
        assert [(one.server, one.protocol, one.direction) for one in configuration.profiles] == [
            ("exchange-online", "graph", Direction.INCOMING),
            ("exchange-online", "graph", Direction.OUTGOING),
        ]
        assert [(box.incoming, box.outgoing) for box in configuration.mailboxes] == [("online-in", "online-out")]
        assert done.told("app registration")

    @pytest.mark.parametrize(
        ("given", "security", "port"),
        [
            ({"EmailPort": "25"}, "starttls", 25),
            ({"EmailPort": "587", "EmailUseSSL": "true"}, "starttls", 587),
            ({"EmailPort": "465", "EmailUseSSL": "true"}, "tls", 465),
            ({}, "starttls", 587),
            ({"EmailPort": "70000"}, "starttls", 587),
            ({"EmailPort": "²5"}, "starttls", 587),
        ],
    )
    def test_every_line_is_protected(self, given: dict[str, str], security: str, port: int) -> None:
        done = imported(smtp(**given, EmailAuthMode="Anonymous"))

        (profile,) = done.loaded().configuration.profiles
        assert (profile.security.value, profile.port) == (security, port)
        assert done.told("TLS") == (given.get("EmailUseSSL") != "true")

    def test_two_profiles_whose_names_differ_by_a_dash_do_not_share_a_secret(self) -> None:
        done = imported(smtp(ProfileName="Out-1", EmailUser="a") + smtp(ProfileName="Out_1", EmailUser="b"))

        profiles = done.loaded().configuration.profiles
        assert len({profile.username for profile in profiles}) == 2
        assert len(set(re.findall(r'env = "(\w+)"', done.text))) == 3  # the CRM's, too

    def test_a_server_in_a_private_network_is_told_to_be_one(self) -> None:
        done = imported(smtp(EmailServer="10.1.2.3", EmailAuthMode="Anonymous"))

        assert done.loaded().configuration.profiles[0].network == "private"
        assert done.told("AllowedNetworks")

    def test_a_mailbox_may_name_its_profiles(self) -> None:
        names = "<IncomingProfile>In</IncomingProfile><OutgoingProfile>Gone</OutgoingProfile>"
        users = f"<Users><User><EmailAddress>ann@contoso.example</EmailAddress>{names}</User></Users>"

        done = imported(users + exchange(ProfileName="In") + smtp(ProfileName="In", EmailAuthMode="Anonymous"))

        (box,) = done.loaded().configuration.mailboxes
        assert (box.incoming, box.outgoing) == ("In", None)
        assert done.told("names the outgoing profile 'Gone', which is not in the file")

    def test_of_two_organisations_one_is_named(self) -> None:
        both = pop3() + pop3("ann@fabrikam.example").replace("//contoso", "//fabrikam")

        with pytest.raises(ConfigurationError, match="--crm"):
            imported(both)
        with pytest.raises(ConfigurationError, match="--crm"):
            imported(both, "nowhere")
        done = imported(both, "fabrikam")

        assert [box.address for box in done.loaded().configuration.mailboxes] == ["ann@fabrikam.example"]
        assert done.told("serves another organisation")
