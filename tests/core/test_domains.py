"""A domain of other letters goes on the wire as its own A-labels, and never as those of another domain."""

from __future__ import annotations

import idna
import pytest

from email_router.core.errors import MessageRefused
from email_router.core.wire import mail_address


@pytest.mark.parametrize(
    "domain",
    ["müller.example", "straße.de", "STRASSE.de", "faß.example", "βόλος.com", "例え.テスト", "bücher.straße.example"],
)
def test_a_domain_is_written_as_idna_of_2008_does(domain: str) -> None:
    expected = idna.encode(domain.lower(), uts46=True).decode("ascii")

    assert mail_address(f"ann@{domain}") == f"ann@{expected if not domain.isascii() else domain}"


def test_two_domains_that_idna_of_2003_confuses_stay_two() -> None:
    assert mail_address("ann@straße.de") != mail_address("ann@strasse.de")


@pytest.mark.parametrize(
    "domain",
    ["ß\u0000.de", "ß b.de", "ß\r\n.de", "\u200d.de", "नी\u200c.example", "ß" * 70 + ".de", "a..ß", "ü\u202e.de"],
)
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(MessageRefused):
        mail_address(f"ann@{domain}")
