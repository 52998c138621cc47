"""`set-password` asks, encrypts, and tells nothing; in a folder of state the password outlives the embedded cloud's key."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from email_router.cli import set_password as command
from email_router.cli.backend import Backend
from email_router.cli.kept_passwords import FILE, KEY, KeptPasswords, lend
from email_router.cli.main import app
from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.settings import Configuration
from email_router.wiring.configuration import load
from email_router.wiring.environment import Environment
from email_router.wiring.services import GivenClients, Services
from tests.cli.example import EXAMPLE, VARIABLES, write_example
from tests.cloud import Place, aws_stores

SALES, ROUTER = "sales@contoso.example", "router@contoso.example"
SECRET = "correct horse {battery}"
POP3 = Profile(name="in", direction=Direction.INCOMING, server="pop3", minimum_polling_interval=120)
GRAPH = Profile(name="online", direction=Direction.INCOMING, server="exchange-online", protocol="graph")
PUBLISHED = Configuration(
    organisation="contoso",
    profiles=(POP3, GRAPH),
    mailboxes=(Mailbox(address=SALES, incoming="in"), Mailbox(address=ROUTER, incoming="online")),
)


@dataclass
class Cloud:
    """A published configuration in memory, and the command run on it."""

    place: Place
    folder: Path
    saved: int = 0

    def __post_init__(self) -> None:
        self.renew_key()
        aws_stores(self.place).configurations.publish(PUBLISHED)

    def renew_key(self) -> None:
        """Begin with another key, as the embedded cloud does at each start."""
        self.kms = boto3.client("kms", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]

    @property
    def services(self) -> Services:
        place, given = self.place, self.place.clients
        environment = Environment(
            router_table=place.router, crm_table=place.crm, data_bucket=place.bucket, data_key=self.key
        )
        return Services(environment, GivenClients(given.dynamodb, given.s3, given.sqs, given.secrets, self.kms))

    @contextmanager
    def opened(self, *_: object) -> Iterator[Backend]:
        def save() -> None:
            self.saved += 1

        yield Backend(self.services, save, lambda _: {})

    def run(self, *arguments: str, given: str = SECRET + "\n", stack: bool = True) -> Result:
        where = ["--stack", "s"] if stack else ["--state", str(self.folder)]
        return CliRunner().invoke(app, ["set-password", *arguments, *where], input=given)

    @property
    def password(self) -> str | None:
        return self.services.mailbox_passwords("contoso").get(SALES)


@pytest.fixture
def cloud(moto_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud(moto_place, tmp_path)
    monkeypatch.setattr(command, "opened_for_change", made.opened)  # the cloud of this test
    return made


def test_it_is_read_from_standard_input_never_shown_lifts_the_block_and_is_taken_off_once(cloud: Cloud) -> None:
    aws_stores(cloud.place).states.schedule(SALES, 60, 900)
    for given in (SECRET, SECRET + "\n", SECRET + "\r\n"):
        told = cloud.run(SALES.upper(), given=given)

        assert told.exit_code == 0, told.output
        assert cloud.password == SECRET
        assert SECRET not in told.output
    (box,) = aws_stores(cloud.place).schedule.mailboxes()
    assert (box.mailbox, box.minimum_interval, box.blocked_until, cloud.saved) == (SALES, 120, None, 3)

    assert "is removed" in cloud.run(SALES, "--remove").output
    assert cloud.password is None
    assert "no password of its own" in cloud.run(SALES, "--remove").output


def test_what_cannot_be_is_refused_before_anything_is_kept(cloud: Cloud) -> None:
    for mailbox, given, why in (
        (ROUTER, SECRET, "expected a profile by which the mailbox logs in as itself"),
        (SALES, "", "expected a password"),
        (SALES, "two\nlines\n", "without line breaks"),
        ("sale@contoso.example", SECRET, "no mailbox of this address"),
    ):
        told = cloud.run(mailbox, given=given)

        assert isinstance(told.exception, ConfigurationError | MailboxBlocked)
        assert why in str(told.exception)
    assert cloud.run(SALES, SECRET).exit_code == 2  # a password is no argument
    assert (cloud.password, cloud.saved) == (None, 0)


def test_the_folder_of_a_state_lends_it_to_the_next_run_s_key(cloud: Cloud) -> None:
    cloud.run(SALES, stack=False)
    cloud.renew_key()
    row = cloud.place.clients.dynamodb.get_item(
        TableName=cloud.place.router,
        Key={"pk": {"S": f"ORG#contoso#MAILBOX#{SALES}"}, "sk": {"S": "PASSWORD"}},
    )["Item"]
    row["password"] = {"B": row["password"]["B"][:-1] + b"x"}
    cloud.place.clients.dynamodb.put_item(TableName=cloud.place.router, Item=row)
    with pytest.raises(MailboxBlocked, match="cannot be decrypted"):
        _ = cloud.password

    lend(cloud.folder, cloud.services)

    assert cloud.password == SECRET
    cloud.run(SALES, "--remove", stack=False)
    assert KeptPasswords(cloud.folder, "contoso").mailboxes() == ()


def test_the_folder_holds_it_encrypted_for_its_mailbox_and_its_owner_alone(tmp_path: Path) -> None:
    kept = KeptPasswords(tmp_path, "contoso")
    kept.put(SALES, SECRET)
    kept.put(ROUTER, "other")

    assert (kept.get(SALES.upper()), kept.has(SALES), KeptPasswords(tmp_path, "fabrikam").get(SALES)) == (
        SECRET,
        True,
        None,
    )
    assert all(SECRET.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert {file.name for file in tmp_path.iterdir()} == {FILE, KEY}
    swapped = (tmp_path / FILE).read_text().replace(SALES, "x").replace(ROUTER, SALES)
    (tmp_path / FILE).write_text(swapped)
    with pytest.raises(ConfigurationError, match=f"set-password {SALES}"):
        kept.get(SALES)


def test_a_damaged_file_stops_no_command_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).write_text("{")

    lend(tmp_path, Services(Environment(router_table="r", crm_table="c", data_bucket="b")))

    assert "remove it and set the passwords again" in " ".join(capsys.readouterr().err.split())


def test_a_profile_without_credentials_is_published_with_a_warning_where_its_mailboxes_log_in_as_themselves(
    tmp_path: Path,
) -> None:
    bare = EXAMPLE.replace('credentials = { env = "POP3_PASSWORD" }\n', "")
    loaded = load(write_example(tmp_path, bare), VARIABLES)

    assert [one for one in loaded.warnings if "set-password" in one and "pop3-in" in one]
    assert not next(one for one in loaded.configuration.profiles if one.name == "pop3-in").secret
    with pytest.raises(ConfigurationError, match="`credentials` is missing"):
        load(write_example(tmp_path, bare.replace('username = ""', 'username = "all"')), VARIABLES)
