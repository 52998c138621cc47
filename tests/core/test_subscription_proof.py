"""A notification leads to its mailbox and proves itself without a read."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.subscriptions import LONGEST_STATE, Subscription, Watched, client_state, proves

SECRET = "s" * 64
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SALES = Watched("contoso", "sales@contoso.example", "k1")


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "watched",
    [
        SALES,
        Watched("c" * 200, "m" * 240 + "@example.org", "k" * 20),
        Watched("contoso", "jürgen+büro@münchen.example", "ü"),
        Watched("contoso", 'a"b\\c@example.org', ""),
    ],
)
def test_a_token_leads_back_to_its_mailbox_and_fits_an_address(watched: Watched) -> None:
    token = watched.token

    assert Watched.of(token) == watched
    assert token.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ä",
        "%00",
        "====",
        packed({}),
        packed(["a", "b"]),
        packed(["a", "b", "c", "d"]),
        packed(["a", "b", 1]),
        packed([["a"], "b", "c"]),
        packed(None),
        base64.urlsafe_b64encode(b"[" * 1000).decode(),
        "A" * 5000,
    ],
)
def test_any_other_text_leads_nowhere(token: str) -> None:
    assert Watched.of(token) is None


def test_a_client_state_is_short_enough_for_graph_whatever_it_stands_for() -> None:
    long = Watched("c" * 200, "m" * 240 + "@example.org", "k" * 100)

    assert len(client_state(SECRET, long)) <= LONGEST_STATE
    assert client_state(SECRET, long).isascii()


def test_the_client_state_proves_its_own_subscription() -> None:
    assert proves(client_state(SECRET, SALES), client_state(SECRET, SALES))


@pytest.mark.parametrize(
    "other",
    [
        Watched("fabrikam", "sales@contoso.example", "k1"),
        Watched("contoso", "ann@contoso.example", "k1"),
        Watched("contoso", "sales@contoso.example", "k2"),
        Watched("contososales@contoso.example", "", "k1"),
    ],
)
def test_the_client_state_of_another_proves_nothing(other: Watched) -> None:
    assert not proves(client_state(SECRET, SALES), client_state(SECRET, other))


@pytest.mark.parametrize("given", [None, "", 7, {}, "x" * 43, "x" * 100_000, "\udc80", "ä" * 43])
def test_what_is_no_client_state_of_ours_proves_nothing(given: object) -> None:
    assert not proves(client_state(SECRET, SALES), given)


def test_a_proof_is_compared_in_constant_time_whatever_came(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched_compare(ours: bytes, given: bytes) -> bool:
        compared.append((ours, given))
        return real(ours, given)

    monkeypatch.setattr(hmac, "compare_digest", watched_compare)
    state = client_state(SECRET, SALES)

    verdicts = [proves(state, given) for given in (state, "x" * 43, state[:-1])]

    assert verdicts == [True, False, False]
    assert compared == [(state.encode(), given.encode()) for given in (state, "x" * 43, state[:-1])]


def test_another_secret_makes_another_proof() -> None:
    assert not proves(client_state("t" * 64, SALES), client_state(SECRET, SALES))


def test_half_of_a_lifetime_is_over_in_its_middle() -> None:
    row = Subscription(mailbox="m", id="s", since=NOW, expires=NOW + timedelta(minutes=4200))

    assert not row.half_over(NOW + timedelta(minutes=2099))
    assert row.half_over(NOW + timedelta(minutes=2100))
