"""What cannot be carried over from the original E-mail Router's file, what is refused, and how the command tells it."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from typer.testing import CliRunner

from email_router.cli.import_legacy.reading import MOST_BYTES, parsed, read
from email_router.cli.import_legacy.words import DEFAULTS, FACTS, INSTEAD, MAILBOXES, Fact
from email_router.cli.main import app
from email_router.core.errors import ConfigurationError
from email_router.wiring.configuration import load
from tests.cli.legacy_files import CRM, NAMESPACE, SECRET, SYSTEM, USERS, exchange, imported, pop3, provider, smtp
from tests.cli.running import run
from tests.infra.template import template
from tests.shared import PROJECT


class TestWhatIsLeft:
    def test_every_tag_of_the_documented_example_is_told_with_what_takes_its_place(self) -> None:
        done = imported(SYSTEM)

        tags = re.findall(r"<(\w+)>[^<\s]", SYSTEM)
        assert len(tags) == 14
        assert sorted(done.kinds("parameter") + done.kinds("no_counterpart")) == sorted(tags)
        assert done.told("Deploy with SendingStatusDelay=900")
        assert not done.told("Deploy with PendingStatusDelay")
        assert done.kinds("unknown") == []
        assert done.loaded().configuration.profiles == ()

    def test_a_delay_that_the_stack_does_not_take_becomes_the_least_that_it_does(self) -> None:
        short = "<PendingStatusDelay>1000</PendingStatusDelay><SendingStatusDelay>60000</SendingStatusDelay>"
        done = imported(f"<SystemConfiguration>{short}</SystemConfiguration>")

        for name in ("PendingStatusDelay", "SendingStatusDelay"):
            assert done.told(f"Deploy with {name}={template()['Parameters'][name]['MinValue']}")

    def test_no_secret_is_shown_anywhere_and_each_profile_names_the_variable_to_set(self) -> None:
        done = imported(
            pop3(CrmPassword=SECRET, ClientSecret=SECRET, KeyPassphrase=SECRET)
            + exchange(EncryptedEmailPassword=SECRET)
        )

        assert SECRET not in done.text
        assert not done.told(SECRET)
        assert set(done.kinds("credential")) >= {
            "EmailPassword",
            "CrmPassword",
            "ClientSecret",
            "EncryptedEmailPassword",
        }
        assert done.told("POP3_IN_SECRET")
        assert done.told("EXCHANGE_IN_SECRET to the password")

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ("<Wondrous>1</Wondrous>", "Wondrous"),
            ("<SystemConfiguration odd='1'/>", "odd"),
            ("<Wondrous><Inner>1</Inner></Wondrous>", "Wondrous"),
            ("<Wondrous><Inner>1</Inner></Wondrous>", "Inner"),
            (pop3(Wondrous="1"), "Wondrous"),
            (pop3("a@x.example", "<EmailServer>two</EmailServer>"), "EmailServer"),
            (smtp("<Users><User><EmailAddress>a@x.example</EmailAddress><Odd>1</Odd></User></Users>"), "Odd"),
            (smtp("<User><EmailAddress>a@x.example</EmailAddress><Address>b@x.example</Address></User>"), "Address"),
            ("<EmailServer>outside</EmailServer>", "EmailServer"),
            ("<SystemConfiguration>text<LogLevel>1</LogLevel></SystemConfiguration>", "SystemConfiguration"),
            ("<ProviderConfiguration>text</ProviderConfiguration>", "ProviderConfiguration"),
            ("<SystemConfiguration><BatchSize>5</BatchSize><PendingStatusDelay>soon</PendingStatusDelay></SystemConfiguration>",
             "PendingStatusDelay"),
        ],
    )  # fmt: skip
    def test_what_is_not_known_is_listed_with_its_path(self, body: str, path: str) -> None:
        done = imported(body)

        assert path in done.kinds("unknown")
        assert "# - unknown: Configuration/" in done.text

    def test_a_custom_provider_is_named_with_what_it_told(self) -> None:
        done = imported(provider("FaxProvider", EmailServer="fax.contoso.example").replace(NAMESPACE, "Contoso"))

        assert done.loaded().configuration.profiles == ()
        assert done.told(
            "Contoso.FaxProvider, Microsoft.Crm.Tools.EmailProviders.dll (it told: assembly, class, server)"
        )

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (pop3(Enabled="false"), "was switched off"),
            (pop3(EmailAuthMode="Windows"), "authentication windows is not available for pop3"),
            (pop3(MoveEmails="true"), "POP3 has no folder"),
            (pop3(DeleteEmails="true"), 'Begin with "leave"'),
            (pop3(ThresholdDateTime="0001-01-01T00:00:00"), "Set process_received_after"),
            (pop3(PollingPeriod="60000"), "minimum_polling_interval"),
            (pop3(Simulation="true"), "`email-router local`"),
            (exchange(UseAutodiscover="true"), "Autodiscover is not asked"),
            (exchange(EmailServer="http://exchange.contoso.example/EWS"), "without TLS (http)"),
            (exchange(EmailServer=""), "Set host in place of host.invalid"),
            (exchange(EmailServer="https://["), "Set host in place of host.invalid"),
            (exchange(AccessCredentials="Local System Account"), "Local System Account"),
            (exchange(), "which mailboxes use the profile exchange-in"),
            (smtp(DeleteEmails="true"), "delete: said of outgoing mail"),
            (pop3() + exchange(EmailAddress="sales@contoso.example"), "has two incoming profiles"),
        ],
    )
    def test_what_works_in_another_way_is_told(self, body: str, words: str) -> None:
        done = imported(body)

        done.loaded()
        assert done.told(words)

    def test_the_same_of_500_providers_is_told_once(self) -> None:
        done = imported("".join(pop3(f"user{number}@contoso.example", PollingPeriod="1") for number in range(500)))

        assert len(done.loaded().configuration.mailboxes) == 500
        assert len(done.left) < 10
        assert done.told("and 499 more")


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "head",
        [
            '<!DOCTYPE a [<!ENTITY b "' + "x" * 99 + '">]>',
            '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
            "<!DOCTYPE a [" + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)) + "]>",
            "<!DOCTYPE Configuration>",
        ],
        ids=["entity", "external DTD", "external entity", "parameter entity", "a billion laughs", "bare"],
    )
    def test_a_document_type_or_an_entity(self, head: str) -> None:
        begun = time.monotonic()

        with pytest.raises(ConfigurationError, match="declares a document type or an entity"):
            parsed(f"{head}<Configuration>&x;&l9;</Configuration>".encode(), "agent.xml")

        assert time.monotonic() - begun < 1

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is not XML"),
            (b"MZ\x90\x00", "is not XML"),
            (b"<a><b></a>", "is not XML"),
            (b"<a>&undeclared;</a>", "is not XML"),
            (b"<?xml version='1.0' encoding='nonsense'?><a/>", "is not XML"),
            (b"<?xml version='1.0' encoding='utf-7'?><a/>", "is not XML"),
            (b"<a>" * 33 + b"</a>" * 33, "at most 32 deep"),
            (b"<a>" * 100_000, "at most 32 deep"),
            (b"<a>" + b"<b/>" * 200_001 + b"</a>", "200,000 elements"),
            (b"<a " + b" ".join(b"b%d='1'" % number for number in range(200_001)) + b"/>", "200,000 elements"),
        ],
    )
    def test_what_is_no_xml_or_too_much_of_it(self, content: bytes, words: str) -> None:
        with pytest.raises(ConfigurationError, match=re.escape(words)):
            parsed(content, "agent.xml")

    def test_a_file_of_50_mb_of_which_no_more_is_read_than_the_bound(self, tmp_path: Path) -> None:
        large = tmp_path / "agent.xml"
        with large.open("wb") as file:
            file.truncate(50 * 1024 * 1024)

        with pytest.raises(ConfigurationError, match="larger than 10 MB"):
            read(large)

        assert MOST_BYTES < 50 * 1024 * 1024

    def test_a_file_that_is_not_there_or_none(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be opened: No such file"):
            read(tmp_path / "gone.xml")
        with pytest.raises(ConfigurationError, match="is no file"):
            read(tmp_path)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
    def test_the_encodings_of_windows_are_read(self, encoding: str) -> None:
        name = {"utf-8-sig": "utf-8", "latin-1": "iso-8859-1"}.get(encoding, encoding)
        text = f"<?xml version='1.0' encoding='{name}'?><a><b>Größe</b></a>"

        assert parsed(text.encode(encoding), "agent.xml").children[0].text == "Größe"


CALLED = [name for name, fact in FACTS.items() if fact is not Fact.CRM]
NAMES = [*CALLED, *INSTEAD, *MAILBOXES, "ProviderConfiguration", "Users", "EmailPassword", "Odd", "SystemConfiguration"]
CLASSES = [
    "Pop3PollingMailboxProvider",
    "SmtpPollingSendEmailProvider",
    "ExchangeWSPollingMailboxProvider",
    "ExchangeOnlineSendEmail",
    "Fax",
]
VALUES = [
    *(
        "",
        "true",
        "0",
        "25",
        "ann@contoso.example",
        "bob@contoso.example",
        "queue",
        "https://contoso.crm.dynamics.com",
        "\\\\x\\y",
    ),
    *(
        "https://x.example/ews",
        f"{NAMESPACE}.Pop3PollingMailboxProvider",
        "SmtpSend",
        "ExchangeOnline",
        "Exchange Send",
        "Incoming",
    ),
    *(
        "Local System",
        'quote " and \\u0041',
        "\x7f\u2028\U0001f600",
        "x" * 300,
        "2026-01-01T00:00:00+14:00",
        "[2001:db8::1]",
        "-",
        "0" * 70,
    ),
]


def tree(choice: random.Random, depth: int = 0) -> str:
    """Return some element of the file, likely or not."""
    name = choice.choice(NAMES) if depth else choice.choice(["ProviderConfiguration", choice.choice(NAMES)])
    if depth > 2 or (depth and choice.random() < 0.7):
        return f"<{name}>{escape(choice.choice(VALUES))}</{name}>"
    parts = [tree(choice, depth + 1) for _ in range(choice.randrange(12))]
    if name == "ProviderConfiguration":
        parts = [CRM, f"<ProviderClass>{NAMESPACE}.{choice.choice(CLASSES)}</ProviderClass>", *parts]
    return f"<{name}>{''.join(parts)}</{name}>"


def test_whatever_the_file_holds_becomes_a_configuration_that_can_be_published() -> None:
    published = 0
    for seed in range(400):
        choice = random.Random(seed)
        body = "".join(tree(choice) for _ in range(choice.randrange(6)))
        done = imported(body)
        published += bool(done.loaded().configuration.profiles)
        assert ("<Odd>" in body) <= ("Odd" in done.kinds("unknown")), seed
    assert published > 100


def test_the_delays_are_those_of_the_stack() -> None:
    parameters = json.loads((PROJECT / "infra_cdk" / "template.json").read_text("utf-8"))["Parameters"]

    assert {name: int(parameters[name]["Default"]) for name in DEFAULTS} == DEFAULTS


class TestTheCommand:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "Microsoft.Crm.Tools.EmailAgent.xml"
        path.write_text(f"<Configuration>{SYSTEM}{pop3()}{smtp(USERS, EmailAuthMode='Anonymous')}</Configuration>")
        return path

    def test_the_configuration_is_printed_and_what_is_left_is_told_on_the_side(
        self, file: Path, tmp_path: Path
    ) -> None:
        ran = run("import-legacy", str(file), folder=tmp_path)

        assert ran.code == 0
        (tmp_path / "router.toml").write_text(ran.out)
        read_again = load(tmp_path / "router.toml", {"POP3_IN_SECRET": "a", "DATAVERSE_SECRET": "b"})
        assert len(read_again.configuration.mailboxes) == 2
        assert "credential: " in ran.err
        assert "POP3_IN_SECRET" in ran.err
        assert SECRET not in ran.out + ran.err

    def test_json_holds_both(self, file: Path) -> None:
        told = json.loads(CliRunner().invoke(app, ["import-legacy", str(file), "--json"]).stdout)

        assert set(told) == {"configuration", "left"}
        assert all(set(one) == {"kind", "where", "lines", "why", "do"} for one in told["left"])
        assert "[[profiles]]" in told["configuration"]

    def test_nothing_is_printed_of_what_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "bad.xml").write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>')

        ran = CliRunner().invoke(app, ["import-legacy", str(tmp_path / "bad.xml")])

        assert (ran.exit_code != 0, ran.stdout) == (True, "")
        assert isinstance(ran.exception, ConfigurationError)
