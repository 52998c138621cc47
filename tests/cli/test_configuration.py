"""What a configuration file becomes, and what a person reads when it is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from email_router.core.errors import ConfigurationError
from email_router.core.mailbox import Accept, AfterDelivery, Direction, MailboxKind, Security
from email_router.wiring import configuration_exchange
from email_router.wiring.configuration import Loaded, load
from tests.cli.example import EXAMPLE, VARIABLES, certificate, write_example


def loaded(folder: Path, text: str = EXAMPLE) -> Loaded:
    return load(write_example(folder, text), VARIABLES)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        loaded(folder, text)
    return str(refused.value).replace(f"{folder}/", "")


def line(text: str, wanted: str) -> int:
    return next(number for number, each in enumerate(text.splitlines(), 1) if each.startswith(wanted))


def test_the_complete_example_of_the_documentation_loads(tmp_path: Path) -> None:
    read = loaded(tmp_path)

    configuration = read.configuration
    pop3 = configuration.profile("pop3-in", Direction.INCOMING)
    sales = configuration.mailbox("info@contoso.example")
    assert configuration.organisation == "contoso"
    assert [profile.name for profile in configuration.profiles] == ["pop3-in", "online", "smtp-out"]
    assert pop3 is not None
    assert (pop3.minimum_polling_interval, pop3.maximum_polling_interval) == (60, 900)
    assert pop3.maximum_message_size == 35 * 1024 * 1024
    assert pop3.process_received_after == datetime(2026, 11, 1, tzinfo=UTC)
    assert sales is not None
    assert (sales.address, sales.kind, sales.accept) == ("sales@contoso.example", MailboxKind.QUEUE, Accept.ALL)
    assert read.warnings == ()


def test_secrets_of_the_environment_are_put_aside_under_the_profiles_name(tmp_path: Path) -> None:
    read = loaded(tmp_path)

    assert read.secrets == {
        "contoso/pop3-in": "pop3-secret",
        "contoso/online": "graph-secret",
        "contoso/smtp-out": "smtp-secret",
    }
    assert "pop3-secret" not in repr(read)
    assert [profile.secret for profile in read.configuration.profiles] == list(read.secrets)


def test_a_ca_bundle_is_read_beside_the_file_and_kept_as_its_text(tmp_path: Path) -> None:
    read = loaded(tmp_path)

    assert read.configuration.profiles[0].ca_pem == (tmp_path / "ca.pem").read_text()


def test_a_secret_of_the_cloud_is_kept_by_name_and_not_published(tmp_path: Path) -> None:
    text = EXAMPLE.replace('{ env = "POP3_PASSWORD" }', '{ secret = "contoso/pop3" }')

    read = loaded(tmp_path, text)

    assert read.configuration.profiles[0].secret == "contoso/pop3"
    assert "contoso/pop3" not in read.secrets


def test_a_secret_of_another_organisation_is_refused(tmp_path: Path) -> None:
    text = EXAMPLE.replace('{ env = "POP3_PASSWORD" }', '{ secret = "fabrikam/pop3" }')

    assert '`secret` must begin with the organisation\'s name: "contoso/…"' in refusal(tmp_path, text)


def test_a_certificate_stands_in_place_of_a_secret(tmp_path: Path) -> None:
    pem, key = certificate()
    (tmp_path / "app.pem").write_text(pem + key)
    text = EXAMPLE.replace('credentials = { env = "GRAPH_SECRET" }', 'certificate = "app.pem"')

    assert loaded(tmp_path, text).secrets["contoso/online"] == pem + key


def test_a_misspelt_field_is_told_with_its_line_its_table_and_the_right_name(tmp_path: Path) -> None:
    text = EXAMPLE.replace('host = "mail', 'hots = "mail')

    told = refusal(tmp_path, text)

    assert (
        told
        == f'router.toml, line {line(text, "hots")}, [[profiles]] "pop3-in": `hots` is unknown here; did you mean `host`?'
    )


def test_a_field_in_the_wrong_table_is_told_where_it_belongs(tmp_path: Path) -> None:
    text = EXAMPLE.replace('access = "own"', 'aliases = ["x@contoso.example"]')

    assert "`aliases` is unknown here; it belongs into [[mailboxes]]" in refusal(tmp_path, text)


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = EXAMPLE.replace('accept = "all"', 'acept = "all"').replace('prefix = "CRM:"', 'prefix = ""')

    told = refusal(tmp_path, text).splitlines()

    assert [part.partition(":")[0] for part in told] == [
        f"router.toml, line {line(text, 'prefix')}, [organisation.tracking]",
        f'router.toml, line {line(text, "acept")}, [[mailboxes]] "sales@contoso.example"',
    ]


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ('accept = "all"', 'accept = "repleis"', "expected one of all, replies, contacts, records, none; did you mean 'replies'?"),
        ('server = "pop3"', 'server = "pop"', "did you mean 'pop3'?"),
        ('"1m"', '"1 minute"', 'expected a duration such as "90s", "1m", "2h" or "1d"'),
        ('"1m"', "60", 'expected a duration such as "90s", "1m", "2h" or "1d"'),
        ('"35MB"', '"35"', 'expected a size such as "500KB", "35MB" or "1GB"'),
        ("port = 995", 'port = "995"', "`port` is '995': input should be a valid integer"),
        ("2026-11-01T00:00:00Z", "2026-11-01", "expected an instant with its zone such as 2026-11-01T00:00:00Z"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00", "expected an instant with its zone"),
        ("counter_digits = 3", "counter_digits = 10", "`counter_digits` is 10: input should be less than or equal to 9"),
        ('prefix = "CRM:"', 'earlier_prefixes = [""]', "at least 1 character"),
        ('prefix = "CRM:"', 'earlier_prefixes = [" A"]', "expected 1 to 20 printable characters without blanks around"),
        ('prefix = "CRM:"', f"earlier_prefixes = {[f'P{n}' for n in range(11)]}", "at most 10"),
        ('prefix = "CRM:"', 'prefix = "A:"\nforgotten_prefixes = ["A:"]', "forgotten_prefixes names 'A:', which prefix or"),
        ('prefix = "CRM:"', 'earlier_prefixes = ["B:"]\nforgotten_prefixes = ["B:"]', "names 'B:', which prefix or earlier_"),
        ('prefix = "CRM:"', 'tokens_from = "crm"', 'only Dynamics 365 gives tokens; expected "router"'),
        ('name = "contoso"', 'name = "con/toso"', "expected up to 63 letters, digits, dots, hyphens and underscores"),
        ('address = "sales@contoso.example"', 'address = "sales"', "expected one e-mail address"),
        ('incoming = "pop3-in"', 'incoming = "pop3"', "which is not in [[profiles]]; incoming profiles: pop3-in, online"),
        ('incoming = "pop3-in"', 'incoming = "smtp-out"', "whose direction is outgoing"),
        ('server = "pop3"', 'server = "exchange"\nprotocol = "graph"', "a exchange server is not reached by Graph"),
        ('server = "pop3"', 'server = "pop3"\nprotocol = "ews"', "a pop3 server does not speak it"),
        ('server = "pop3"', 'server = "imap"\nfolders = [""]', "at least 1 character"),
        ('authentication = "clear-text"', 'authentication = "oauth"\ntenant_id = "t"', "`client_id` is missing"),
        ('authentication = "clear-text"', 'authentication = "windows"', "not available yet for pop3"),
        ('server = "pop3"', 'server = "smtp"', "which is no incoming server"),
        ('kind = "builtin"', 'kind = "dataverse"', "`url` is missing: expected the organisation's address such as https://"),
        ('kind = "builtin"', 'kind = "dataverse"', "`tenant_id` is missing: a Dataverse CRM is reached as an app registration"),
        ('kind = "builtin"', 'kind = "dataverse"', "`client_id` is missing"),
        ('kind = "builtin"', 'kind = "dataverse"', "`credentials` is missing"),
        ('kind = "builtin"', 'kind = "dataverse"\nurl = "http://x"', "`url` is 'http://x': expected an https:// address"),
        ('kind = "builtin"', 'kind = "builtin"\ndeliver = "server"', '`deliver` is "server": only Dynamics 365 matches by itself'),
        ('kind = "builtin"', 'kind = "dataverse"\ncredentials = { env = "UNSET" }', "the environment variable UNSET is not set"),
        ('kind = "builtin"', 'kind = "dataverse"\ncredentials = { secret = "x/y" }', "must begin with the organisation's name"),
        ('host = "mail.contoso.example"\n', "", "`host` is missing: a pop3 profile needs the server's name"),
        ('security = "tls"', 'security = "none"', 'allowed only for a loopback host or with network = "private"'),
        ('tenant_id = "…"\n', "", "`tenant_id` is missing"),
        ('endpoint = ""', 'endpoint = "http://graph.example"', "expected an https address (http only for a loopback host)"),
        ('after_delivery = "leave"', 'after_delivery = "move"', "POP3 has neither flags nor folders"),
        ('ca_bundle = "ca.pem"', 'ca_bundle = "gone.pem"', "cannot read gone.pem: No such file or directory"),
        ('ca_bundle = "ca.pem"', 'ca_bundle = "router.toml"', "`ca_bundle`"),
        ('{ env = "POP3_PASSWORD" }', '{ env = "UNSET_PASSWORD" }', "the environment variable UNSET_PASSWORD is not set"),
        ('{ env = "POP3_PASSWORD" }', "{}", 'expected exactly one of { env = "VARIABLE" }'),
        ('name = "online"', 'name = "pop3-in"', "`name` 'pop3-in' stands twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_what_was_expected(tmp_path: Path, written: str, instead: str, told: str) -> None:
    assert written in EXAMPLE

    assert told in refusal(tmp_path, EXAMPLE.replace(written, instead, 1))


def test_an_address_may_lead_to_one_mailbox_only(tmp_path: Path) -> None:
    text = EXAMPLE + '\n[[mailboxes]]\naddress = "INFO@contoso.example"\nincoming = "pop3-in"\n'

    assert "`address`: INFO@contoso.example is an address of sales@contoso.example already" in refusal(tmp_path, text)


def test_a_password_that_was_written_into_the_file_is_not_repeated(tmp_path: Path) -> None:
    text = EXAMPLE.replace('{ env = "POP3_PASSWORD" }', '"hunter2"')

    told = refusal(tmp_path, text)

    assert "a password never stands in the file" in told
    assert "hunter2" not in told


def test_a_private_key_in_a_ca_bundle_is_refused(tmp_path: Path) -> None:
    path = write_example(tmp_path)
    (tmp_path / "ca.pem").write_text("".join(certificate()))

    with pytest.raises(ConfigurationError, match="holds a private key: give the CA certificates only"):
        load(path, VARIABLES)


def test_no_security_is_allowed_towards_this_machine(tmp_path: Path) -> None:
    text = EXAMPLE.replace("mail.contoso.example", "127.0.0.1").replace('security = "tls"', 'security = "none"')

    assert loaded(tmp_path, text).configuration.profiles[0].security is Security.NONE


def test_ses_needs_no_host_and_no_password(tmp_path: Path) -> None:
    text = EXAMPLE + '\n[[profiles]]\nname = "ses-out"\ndirection = "outgoing"\nserver = "ses"\n'

    assert loaded(tmp_path, text).configuration.profiles[-1].server == "ses"


def test_a_forward_mailbox_is_emptied_by_default_and_a_queue_takes_everything(tmp_path: Path) -> None:
    text = EXAMPLE.replace('kind = "queue"', 'kind = "forward"').replace('after_delivery = "leave"', "")
    text += '\n[[mailboxes]]\naddress = "help@contoso.example"\nkind = "queue"\nincoming = "pop3-in"\n'
    text += '\n[[mailboxes]]\naddress = "ann@contoso.example"\nincoming = "pop3-in"\n'

    forward, queue, user = loaded(tmp_path, text).configuration.mailboxes

    assert forward.after_delivery is AfterDelivery.DELETE
    assert (queue.accept, queue.after_delivery) == (Accept.ALL, AfterDelivery.LEAVE)
    assert (user.kind, user.accept) == (MailboxKind.USER, Accept.REPLIES)


def test_a_warning_is_given_when_no_answer_could_find_its_email(tmp_path: Path) -> None:
    text = EXAMPLE.replace("tokens = true", "tokens = false").replace("correlation = true", "correlation = false")

    warnings = loaded(tmp_path, text).warnings

    assert len(warnings) == 1
    assert "tokens, correlation and smart_matching are all off" in warnings[0]


def test_a_mailbox_that_nothing_is_fetched_for_is_warned_of_unless_a_forward_mailbox_may_serve_it(
    tmp_path: Path,
) -> None:
    text = EXAMPLE + '\n[[mailboxes]]\naddress = "bob@contoso.example"\n'
    forward = '\n[[mailboxes]]\naddress = "router@contoso.example"\nkind = "forward"\nincoming = "pop3-in"\n'

    (warning,) = loaded(tmp_path, text).warnings

    assert warning.startswith("mailbox bob@contoso.example has neither incoming nor outgoing")
    assert loaded(tmp_path, text + forward).warnings == ()


def test_exchange_online_by_ews_is_accepted_with_a_warning_until_its_last_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EXAMPLE.replace('protocol = "graph"', 'protocol = "ews"')
    monkeypatch.setattr(configuration_exchange, "today", lambda: date(2027, 3, 31))

    (warning,) = [one for one in loaded(tmp_path, text).warnings if "EWSAllowedAppIDs" in one]

    for word in ("2026-10-01", "2027-04-01", "EWSAllowedAppIDs", 'protocol = "graph"'):
        assert word in warning
    monkeypatch.setattr(configuration_exchange, "today", lambda: date(2027, 4, 1))
    assert "Exchange Online ended EWS on 2027-04-01" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('authentication = "oauth"', "`tenant_id` is missing"),
        ('authentication = "anonymous"', "not available yet for exchange"),
        ('security = "starttls"', 'EWS is spoken over "tls" only'),
        ("", "`host` is missing"),
        ('host = "mail.contoso.example"\nusername = "router"', "`credentials` is missing"),
        ('host = "mail.contoso.example"\naccess = "delegate"', "`credentials` is missing"),
    ],
)
def test_an_exchange_profile_names_what_it_lacks(tmp_path: Path, more: str, told: str) -> None:
    profile = f'\n[[profiles]]\nname = "server"\ndirection = "incoming"\nserver = "exchange"\n{more}\n'

    assert told in refusal(tmp_path, EXAMPLE + profile)


@pytest.mark.parametrize(
    "where",
    [
        'host = "outlook.office365.com"',
        'host = "Outlook.Office365.com."',
        'host = "x.contoso.example"\nendpoint = "https://outlook.office.com/EWS/Exchange.asmx"',
    ],
)
def test_an_exchange_server_that_is_exchange_online_is_told_its_name(tmp_path: Path, where: str) -> None:
    text = MINIMAL_EXCHANGE.replace('host = "mail.contoso.example"', where)

    assert 'which is Exchange Online: use server = "exchange-online"' in refusal(tmp_path, text)


def test_a_missing_secret_of_an_unused_profile_is_only_a_warning(tmp_path: Path) -> None:
    path = write_example(tmp_path)

    read = load(path, {name: value for name, value in VARIABLES.items() if name != "GRAPH_SECRET"})

    assert len(read.warnings) == 1
    assert (
        'profile "online", which no mailbox uses: the environment variable GRAPH_SECRET is not set' in read.warnings[0]
    )


def test_the_port_follows_the_server_and_its_security(tmp_path: Path) -> None:
    text = EXAMPLE.replace("port = 587\n", "").replace("port = 995\n", "")

    profiles = loaded(tmp_path, text).configuration.profiles

    assert [profile.port for profile in profiles] == [995, 0, 587]


def test_a_text_that_is_no_toml_is_told_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"configuration: is not valid TOML: .*line 1"):
        load("[organisation\n")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened: No such file or directory"):
        load(tmp_path / "gone.toml")


def test_an_exchange_server_is_published_without_a_warning(tmp_path: Path) -> None:
    assert loaded(tmp_path, MINIMAL_EXCHANGE).warnings == ()


MINIMAL_EXCHANGE = """
[organisation]
name = "contoso"

[[profiles]]
name = "exchange-in"
direction = "incoming"
server = "exchange"
host = "mail.contoso.example"
authentication = "windows"
username = "CONTOSO\\\\router"
credentials = { env = "POP3_PASSWORD" }

[[mailboxes]]
address = "sales@contoso.example"
kind = "queue"
incoming = "exchange-in"
"""


DATAVERSE = """kind = "dataverse"
url = "https://contoso.crm.dynamics.com"
tenant_id = "t"
client_id = "c"
credentials = { env = "POP3_PASSWORD" }
ca_bundle = "ca.pem"
authority = "https://login.contoso.example"
"""


def test_a_dataverse_crm_is_published_with_its_secret_apart(tmp_path: Path) -> None:
    read = loaded(tmp_path, EXAMPLE.replace('kind = "builtin"\n', DATAVERSE))

    crm = read.configuration.crm
    assert crm.kind == "dataverse"
    assert {name: crm.options[name] for name in ("url", "tenant_id", "client_id", "authority", "secret")} == {
        "url": "https://contoso.crm.dynamics.com",
        "tenant_id": "t",
        "client_id": "c",
        "authority": "https://login.contoso.example",
        "secret": "contoso/crm/credentials",
    }
    assert crm.options["ca_pem"].startswith("-----BEGIN CERTIFICATE")
    assert read.secrets["contoso/crm/credentials"] == VARIABLES["POP3_PASSWORD"]
    assert VARIABLES["POP3_PASSWORD"] not in str(read.configuration)


def test_what_has_no_effect_where_dynamics_matches_is_warned_of_by_name(tmp_path: Path) -> None:
    server = DATAVERSE + 'deliver = "server"\n'
    text = EXAMPLE.replace('kind = "builtin"\n', server)
    box = (
        '[[mailboxes]]\naddress = "bob@contoso.example"\nincoming = "pop3-in"\naccept = "all"\ncreate_sender = "lead"\n'
    )

    read = loaded(tmp_path, f'{text}\n{box}bulk = "deliver-unmatched"\n')

    assert read.configuration.crm.decides
    told = [one for one in read.warnings if 'no effect with deliver = "server"' in one]
    assert told[0].startswith("organisation.tracking: correlation, smart_matching, unknown_sender: ")
    assert [one for one in told if one.startswith("mailbox bob@contoso.example: accept, bulk, create_sender: ")]
    router = loaded(tmp_path, text.replace('deliver = "server"', 'deliver = "router"'))
    assert not router.configuration.crm.decides
    assert not any("no effect with deliver" in one for one in router.warnings)


def test_a_dataverse_crm_may_name_a_secret_that_is_there_already(tmp_path: Path) -> None:
    named = DATAVERSE.replace('{ env = "POP3_PASSWORD" }', '{ secret = "contoso/dynamics" }')

    read = loaded(tmp_path, EXAMPLE.replace('kind = "builtin"\n', named))

    assert read.configuration.crm.options["secret"] == "contoso/dynamics"
    assert "contoso/crm/credentials" not in read.secrets
