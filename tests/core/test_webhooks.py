"""Where a CRM's webhook is posted, what proves it, and which body tells of nothing to be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.subscriptions import proves
from email_router.core.webhooks import LONGEST_READ, organisation_of, path_of, tells_of_nothing_to_send, webhook_key

NAMES = st.text(st.characters(exclude_characters="#", exclude_categories=["Z", "C"]), min_size=1, max_size=200)


@given(NAMES)
def test_every_organisation_is_found_again_by_its_path(name: str) -> None:
    path = path_of(name)

    assert organisation_of(f"/{path}") == organisation_of(f"/behind/a/front/{path}/") == name
    assert path.isascii()


@pytest.mark.parametrize("name", ["contoso", "Contoso-2_x.y"])
def test_a_plain_name_stands_in_the_path_as_it_is(name: str) -> None:
    assert path_of(name) == f"crm/{name}"


@pytest.mark.parametrize("name", [".", "..", ".x", "~x", "a/b", "a?b", "a%2Fb"])
def test_a_name_that_what_lies_between_could_change_is_wrapped(name: str) -> None:
    assert path_of(name).startswith("crm/~")
    assert organisation_of(f"/{path_of(name)}") == name


@pytest.mark.parametrize(
    "path", ["", "/", "/crm", "/crm/", "/xcrm/contoso", "/crm/a/b", "/crm/a%2Fb", "/crm/" + "a" * 2000]
)
def test_other_paths_are_nobody_s_webhook(path: str) -> None:
    assert organisation_of(path) is None


@pytest.mark.parametrize("path", ["/crm/~_", "/crm/~////", "/crm/~gICA"])
def test_a_path_that_is_no_name_is_that_of_no_organisation(path: str) -> None:
    assert not organisation_of(path)


@given(NAMES, NAMES)
def test_a_key_proves_its_organisation_under_its_secret_only(name: str, other: str) -> None:
    key = webhook_key("secret", name)

    assert len(key) == 43
    assert proves(key, webhook_key("secret", name))
    assert not proves(key, webhook_key("another", name))
    assert proves(key, webhook_key("secret", other)) is (name == other)


def context(value: Any, *more: Any, key: str = "statuscode") -> bytes:
    target = {
        "key": "Target",
        "value": {"Attributes": [{"key": "subject", "value": "x"}, {"key": key, "value": value}]},
    }
    return json.dumps({"MessageName": "Update", "InputParameters": [target, *more]}).encode()


@pytest.mark.parametrize("status", [1, 3, 7, 8])
def test_a_status_that_is_not_pending_send_is_nothing_to_send(status: int) -> None:
    assert tells_of_nothing_to_send(context({"Value": status}))


@pytest.mark.parametrize(
    "body",
    [
        context({"Value": 6}),
        context({"Value": "3"}),
        context({"Value": True}),
        context({"Value": None}),
        context({}),
        context(3),
        context(None),
        context({"Value": 3}, key="statecode"),
        context({"Value": 3}, {"key": "Target", "value": {"Attributes": []}}),
        context({"Value": 3}, 7),
        b'{"InputParameters": [], "MessageName": "Send"}',
        b'{"MessageName": "Update"}',
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        context({"Value": 3}) + b" " * LONGEST_READ,
    ],
)
def test_any_doubt_is_a_reason_to_look(body: bytes) -> None:
    assert not tells_of_nothing_to_send(body)


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_to_be_read(body: bytes) -> None:
    assert not tells_of_nothing_to_send(body)
