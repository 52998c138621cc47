"""What the own mail server found out about a sender, and what others only claim it did."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.authentication_results import proof

MX = "mx.contoso.example"
DOMAIN = "contoso.example"


def _proven(*values: str) -> bool:
    return proof(values, MX, DOMAIN)[0]


@pytest.mark.parametrize(
    "value",
    [
        "mx.contoso.example; dmarc=pass header.from=contoso.example",
        "MX.Contoso.Example 1; spf=fail smtp.mailfrom=x.example; dmarc=pass (p=REJECT sp=NONE; dis=NONE) header.from=Contoso.Example",
        "mx.contoso.example; dmarc=pass",
        "mx.contoso.example; dmarc=none header.from=contoso.example; spf=pass (mx: allowed (yes)) smtp.mailfrom=ann@contoso.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=contoso.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=ann@bounces.contoso.example",
        'mx.contoso.example; dkim=fail header.d=x.example; dkim=pass (2048-bit key) header.d=contoso.example header.s=s1 header.b="ab;c="',
        "mx.contoso.example; dkim=pass header.i=@contoso.example",
        "mx.contoso.example; DKIM=Pass HEADER.D=CONTOSO.example",
        '"mx.contoso.example"; dkim/1=pass reason="good; signature" header.d=contoso.example',
        "mx.contoso.example (the real one); dmarc=pass header.from=contoso.example (yes)",
    ],
)
def test_a_pass_of_the_own_server_for_the_domain_is_proof(value: str) -> None:
    assert proof([value], MX, DOMAIN)[0]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "mx.contoso.example",
        "mx.contoso.example; none",
        "mx.contoso.example; dmarc=fail header.from=contoso.example; spf=pass smtp.mailfrom=contoso.example",
        "mx.contoso.example; dmarc=pass header.from=evil.example",
        "mx.contoso.example; dmarc=pass header.from=contoso.example.evil.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=ann@evil.example",
        "mx.contoso.example; spf=pass smtp.helo=contoso.example",
        "mx.contoso.example; spf=pass",
        "mx.contoso.example; spf=pass smtp.mailfrom=<a@contoso.example>",
        "mx.contoso.example; spf=pass smtp.mailfrom=a@contoso.example)",
        "mx.contoso.example; spf=pass (ok smtp.mailfrom=a@contoso.example",
        'mx.contoso.example; spf=pass "quoted" smtp.mailfrom=a@contoso.example',
        "mx.contoso.example; spf=pass (ok)smtp.mailfrom=a@contoso.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=xcontoso.example",
        "mx.contoso.example; dkim=pass header.d=evil.example header.i=@contoso.example",
        "mx.contoso.example; dkim=neutral header.d=contoso.example",
        "mx.evil.example; dmarc=pass header.from=contoso.example",
        "mx.contoso.example.evil.example; dmarc=pass header.from=contoso.example",
        "spf=pass (sender IP is 1.2.3.4) smtp.mailfrom=contoso.example; dmarc=pass action=none header.from=contoso.example;compauth=pass",
        "mx.contoso.example 2; dmarc=pass header.from=contoso.example",
        "mx.evil.example mx.contoso.example; dmarc=pass header.from=contoso.example",
        "(mx.contoso.example; mx.evil.example; dmarc=pass header.from=contoso.example",
        # What the other side writes and a server copies, made to be misread:
        "mx.contoso.example; spf=pass smtp.mailfrom=a@contoso.example(.evil.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=a@contoso.example(.x).evil.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=a@contoso.example (.x).evil.example",
        "mx.contoso.example; spf=pass smtp.mailfrom=a@contoso.example .evil.example",
        'mx.contoso.example; spf=pass smtp.mailfrom="a@contoso.example"@evil.example',
        "mx.contoso.example; spf=pass smtp.mailfrom=a@contoso.example'@evil.example",
        'mx.contoso.example; spf=fail smtp.mailfrom="x; dmarc=pass header.from=contoso.example"@evil.example',
        "mx.contoso.example; spf=fail smtp.mailfrom=x; dmarc=pass header.from=contoso.example@evil.example",
        "mx.contoso.example; spf=fail (x; dmarc=pass header.from=contoso.example) smtp.mailfrom=evil.example",
        'mx.contoso.example; spf=fail smtp.mailfrom="x; dmarc=pass header.from=contoso.example',
        "mx.contoso.example; dmarc=none header.from=contoso.example; dmarc=pass header.from=contoso.example",
    ],
)
def test_anything_else_is_none(value: str) -> None:
    assert not _proven(value)


def test_only_the_topmost_result_of_the_own_server_counts() -> None:
    real = "mx.contoso.example; dmarc=fail header.from=contoso.example"
    forged = "mx.contoso.example; dmarc=pass header.from=contoso.example"

    assert not _proven(real, forged)
    assert _proven(forged, real)


def test_results_of_other_servers_above_the_own_one_change_nothing() -> None:
    own = "mx.contoso.example; dmarc=pass header.from=contoso.example"

    assert _proven("mx.evil.example; dmarc=fail header.from=contoso.example", own)
    assert not _proven("mx.evil.example; dmarc=pass header.from=contoso.example", own.replace("=pass", "=none"))


def test_case_does_not_count_in_names() -> None:
    value = "mx.contoso.example; dmarc=pass header.from=contoso.example"

    assert proof([value], "MX.contoso.EXAMPLE", "Contoso.Example")[0]


def test_a_field_of_absurd_length_is_not_read() -> None:
    value = "mx.contoso.example; dmarc=pass header.from=contoso.example; spf=none ("

    assert _proven(value + "x" * 16_000 + ")")
    assert not _proven(value + "x" * 16_384 + ")")


def test_without_a_configured_server_nothing_counts() -> None:
    sure, evidence = proof(["; dmarc=pass header.from=contoso.example"], "", DOMAIN)

    assert not sure
    assert evidence == "no authserv-id is configured, so no Authentication-Results count"


def test_the_evidence_says_what_was_seen() -> None:
    value = "mx.contoso.example; spf=softfail smtp.mailfrom=x.example; dkim=none"

    assert (
        proof([value], MX, DOMAIN)[1]
        == "mx.contoso.example proved nothing for contoso.example (spf=softfail, dkim=none)"
    )
    assert proof([], MX, DOMAIN)[1] == "no Authentication-Results of mx.contoso.example"


@given(
    st.lists(
        st.sampled_from(
            ["mx.contoso.example", "dmarc=pass", "header.from=", DOMAIN, ";", " ", "(", ")", '"', "\\", "=", "x"]
        ),
        max_size=14,
    ).map("".join)
)
def test_no_field_raises_and_none_without_the_own_name_is_proof(value: str) -> None:
    assert not _proven(value) or value.lstrip(' "').startswith(MX) or value.startswith("(")


@pytest.mark.alone
@pytest.mark.parametrize("piece", ["(", "()", '"', '" ', ";", "a=", " ", "spf=pass;", "\\", '"\\'])
def test_reading_takes_time_in_proportion_to_the_field(piece: str) -> None:
    begun = time.perf_counter()
    _proven("mx.contoso.example; " + piece * (16_000 // len(piece)), "mx.contoso.example; " + piece * 60_000)

    assert time.perf_counter() - begun < 1
