"""Passwords of single mailboxes: closed by KMS for one mailbox of one organisation, opened once, and in nobody's way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from email_router.cli.embedded.ministack import ACCOUNT, REGION, MiniStack
from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, password_for
from email_router.core.settings import Configuration
from email_router.edge.stores.mailbox_passwords import LONGEST, KmsMailboxPasswords
from email_router.wiring.passwords import secret_of
from tests.aws_meter import billed
from tests.cloud import Place, aws_stores
from tests.edge.aws.test_stores_in_aws import Ticking

SALES, ANN = "sales@contoso.example", "ann@contoso.example"
SECRET = '{"p\u00e4ss": "word"} 1'


@dataclass
class Vault:
    """A key of KMS in memory, and how often it was asked."""

    place: Place
    clock: Ticking = field(default_factory=Ticking)

    def __post_init__(self) -> None:
        self.kms = boto3.client("kms", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        self.key = str(self.kms.create_key()["KeyMetadata"]["Arn"])
        self.calls: Counter[str] = Counter()
        self.kms.meta.events.register("before-call.kms", lambda model, **_: self.calls.update([model.name]))

    def passwords(self, organisation: str = "contoso", **given: Any) -> KmsMailboxPasswords:
        return KmsMailboxPasswords(
            self.place.clients.dynamodb,
            self.place.router,
            organisation,
            lambda: self.kms,
            self.key,
            clock=self.clock,
            **given,
        )


@pytest.fixture
def vault(moto_place: Place) -> Vault:
    return Vault(moto_place)


def test_a_password_is_set_changed_and_taken_off(vault: Vault) -> None:
    mine, reader = vault.passwords(), vault.passwords()
    assert (reader.has(SALES), reader.get(SALES)) == (False, None)

    mine.put(SALES, SECRET)
    assert (mine.has(SALES), mine.get(SALES), reader.get(SALES)) == (True, SECRET, SECRET)
    kept = repr(vault.place.clients.dynamodb.scan(TableName=vault.place.router)["Items"])
    assert 'word"}' not in kept
    stores = aws_stores(vault.place)  # publishing and serving leave it as it is
    stores.configurations.publish(Configuration(organisation="contoso", mailboxes=(Mailbox(address=SALES),)))
    stores.states.schedule(SALES, 60, 900)
    stores.states.unschedule(SALES)
    assert reader.get(SALES) == SECRET
    mine.put(SALES, "another")
    assert reader.get(SALES) == "another"  # at once: the row has changed
    assert mine.remove(SALES)
    assert not mine.remove(SALES)

    assert (mine.has(SALES), mine.get(SALES), reader.get(SALES)) == (False, None, None)


def test_a_ciphertext_in_another_s_row_is_not_opened(vault: Vault) -> None:
    vault.passwords().put(SALES, SECRET)
    client, table = vault.place.clients.dynamodb, vault.place.router
    (row,) = [one for one in client.scan(TableName=table)["Items"] if one["sk"] == {"S": "PASSWORD"}]
    for organisation, mailbox in (("contoso", ANN), ("fabrikam", SALES)):
        client.put_item(TableName=table, Item={**row, "pk": {"S": f"ORG#{organisation}#MAILBOX#{mailbox}"}})

        with pytest.raises(MailboxBlocked, match="InvalidCiphertext") as blocked:
            vault.passwords(organisation).get(mailbox)

        assert blocked.value.kind == "credentials"
        assert f"email-router set-password {mailbox}" in blocked.value.mend


def test_the_emulator_too_opens_it_for_its_mailbox_alone(ministack: MiniStack, ministack_place: Place) -> None:
    kms = boto3.client(
        "kms", region_name=REGION, endpoint_url=ministack.endpoint, aws_access_key_id=ACCOUNT, aws_secret_access_key="x"
    )
    key = kms.create_key()["KeyMetadata"]["Arn"]
    client, table = ministack_place.clients.dynamodb, ministack_place.router
    passwords = KmsMailboxPasswords(client, table, "contoso", lambda: kms, key)
    passwords.put(SALES, SECRET)
    row = client.get_item(TableName=table, Key={"pk": {"S": f"ORG#contoso#MAILBOX#{SALES}"}, "sk": {"S": "PASSWORD"}})[
        "Item"
    ]
    client.put_item(TableName=table, Item={**row, "pk": {"S": f"ORG#contoso#MAILBOX#{ANN}"}})

    assert (passwords.get(SALES), passwords.has(SALES), passwords.has(ANN)) == (SECRET, True, False)
    with pytest.raises(MailboxBlocked, match="InvalidCiphertext"):
        passwords.get(ANN)


def test_it_is_decrypted_once_while_it_is_fresh_and_who_has_none_costs_no_read(vault: Vault) -> None:
    vault.passwords().put(SALES, SECRET)
    reader = vault.passwords(ttl=300)
    for seconds in (0, 100, 299):
        vault.clock.seconds = seconds
        assert reader.get(SALES) == SECRET
    assert vault.calls["Decrypt"] == 1

    vault.clock.seconds = 301
    assert reader.get(SALES) == SECRET
    assert vault.calls["Decrypt"] == 2

    reader = vault.passwords(ttl=300)  # whoever has none costs one read for all mailboxes
    with billed(vault.place.clients.dynamodb) as bill:
        assert not any(reader.has(f"box{number}@contoso.example") for number in range(50))

    assert bill.calls == {"GetItem": 1}


def test_what_no_server_takes_is_refused_and_not_repeated(vault: Vault) -> None:
    for password in ("", "two\nlines", "nul\0", "x" * (LONGEST + 1)):
        with pytest.raises(ConfigurationError, match=SALES) as refused:
            vault.passwords().put(SALES, password)

        assert not password or password not in str(refused.value)


IN = Profile(name="in", direction=Direction.INCOMING, server="pop3", secret="contoso/in")
BOX = Mailbox(address="Sales@contoso.example")


def found(vault: Vault, of_profile: str, profile: Profile = IN) -> str:
    return password_for(secret_of(profile, BOX, vault.passwords(), lambda: of_profile), BOX.address)


def test_the_mailbox_s_own_password_comes_before_its_profile_s(vault: Vault) -> None:
    assert found(vault, "the profile's") == "the profile's"

    vault.passwords().put(BOX.key, SECRET)

    assert found(vault, "the profile's") == SECRET
    assert found(vault, json.dumps({BOX.address: "the entry's"})) == SECRET
    assert found(vault, "") == SECRET
    vault.passwords().remove(BOX.key)
    reader = vault.passwords()  # where the profile has none for the mailbox, a new one is found at once
    assert not reader.has(BOX.key)  # known for five minutes
    vault.passwords().put(BOX.key, SECRET)

    for given in ("", json.dumps({"other@contoso.example": "x"})):
        assert password_for(secret_of(IN, BOX, reader, lambda given=given: given), BOX.address) == SECRET  # type: ignore[misc]  # mypy knows no default of a lambda


@pytest.mark.parametrize(
    "profile",
    [
        Profile(name="p", direction=Direction.OUTGOING, server="smtp", username="router"),
        Profile(name="p", direction=Direction.INCOMING, server="imap", authentication=Authentication.OAUTH),
        Profile(name="p", direction=Direction.INCOMING, server="exchange", access="impersonation"),
        Profile(name="p", direction=Direction.INCOMING, server="exchange-online", protocol="graph"),
        Profile(name="p", direction=Direction.OUTGOING, server="ses"),
    ],
    ids=["another user", "tokens", "impersonation", "graph", "ses"],
)
def test_a_profile_that_logs_in_as_somebody_else_keeps_its_own_secret_and_asks_for_no_other(profile: Profile) -> None:
    class Unasked:
        def has(self, mailbox: str) -> bool:
            raise AssertionError(mailbox)

        get = has

    assert secret_of(profile, BOX, Unasked(), lambda: "the profile's") == "the profile's"  # type: ignore[arg-type]  # it is not asked
