"""Html of a mail is harmless when shown, and its text can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import html


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<svg/onload=alert(1)>",
        "<img src=x onerror=alert(1)>",
        "<a href='java\tscript:alert(1)'>x</a>",
        "<a href='&#106;avascript:alert(1)'>x</a>",
        '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
        "<style>@import 'https://evil.example/x.css'</style>",
        "<base href='https://evil.example/'>",
        "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
        "<form action='https://evil.example/'><input></form>",
        "<iframe src='https://evil.example/'></iframe>",
        "<img src='https://t.evil.example/o.gif?secret'>",
        "<img src='//t.evil.example/o.gif'>",
        '<img src="data:text/html,<script>alert(1)</script>">',
        "<div style='background:url(https://evil.example/x)'>x</div>",
        "<table background='https://evil.example/x'><tr><td>x</td></tr></table>",
        "<link rel=stylesheet href='https://evil.example/x.css'>",
        "<object data='https://evil.example/'></object><embed src='https://evil.example/'>",
        "<video poster='https://evil.example/x'><source src='https://evil.example/y'></video>",
    ],
)
def test_nothing_runs_and_nothing_is_fetched(source: str) -> None:
    safe = html.sanitize(f"<p>before</p>{source}<p>after</p>").lower()

    for forbidden in (
        "<script",
        "onerror=",
        "onload=",
        "javascript:",
        "<style",
        "url(",
        "evil.example",
        "<form",
        "data:text",
    ):
        assert forbidden not in safe.replace("&lt;img src=1 onerror=alert(1)", "")


def test_images_of_the_mail_and_links_stay() -> None:
    safe = html.sanitize("<a href='https://example.com/?a=1&amp;b=2'>x</a><img src='cid:logo@x' alt='logo'>")

    assert '<a href="https://example.com/?a=1&amp;b=2"' in safe
    assert '<img src="cid:logo@x" alt="logo">' in safe


def test_text_about_images_is_left_alone() -> None:
    text = 'write &lt;img src="https://example.com/x"&gt; here'

    assert html.sanitize(f"<p>{text}</p>") == f'<p>write &lt;img src="https://example.com/x"&gt; here</p>'  # noqa: F541


def test_text_is_made_of_what_is_seen() -> None:
    source = (
        "<html><head><title>no</title><style>p{}</style></head><body><h1>Offer</h1><p>first   line<br>second</p>"
        "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table><ul><li>one</li><li>two</li></ul>"
        "<div>1 &lt; 2 &amp;&nbsp;3</div></body></html>"
    )

    assert html.to_text(html.sanitize(source)) == (
        "Offer\n\nfirst line\nsecond\n\na b\nc d\n\n- one\n- two\n\n1 < 2 & 3"
    )


def test_html_built_to_exhaust_becomes_its_text() -> None:
    safe = html.sanitize("<div>" * 5_000 + "hello &amp; <script>bye" + "</div>" * 5_000)

    assert safe.startswith("<pre>")
    assert "<script" not in safe
    assert "hello &amp; " in safe


@given(st.text(max_size=200))
def test_any_text_can_be_sanitized(source: str) -> None:
    html.to_text(html.sanitize(source.encode("utf-8", "replace").decode("utf-8")))


@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "/", "script", "img src=", '"', "'", "x", "&lt;", "<!--", "-->", "svg", "on", "=", " "]
        ),
        max_size=40,
    )
)
def test_scraps_of_markup_never_make_a_script(pieces: list[str]) -> None:
    safe = html.sanitize("".join(pieces)).lower()

    assert "<script" not in safe
    assert "<svg" not in safe


def test_html_full_of_entities_in_one_place_becomes_its_text_and_the_same_in_many_places_does_not() -> None:
    crowded = "&nbsp;" * 6_000 + "end"
    spread = "<p>&nbsp;&nbsp;x</p>" * 6_000

    assert html.is_hostile(crowded)
    assert html.sanitize(crowded).startswith("<pre>")
    assert not html.is_hostile(spread)


def test_of_html_kept_as_text_no_tag_cut_short_is_shown() -> None:
    source = "<div>" * 5_000 + "word " * 60_000 + '<a href="https://evil.example/' + "x" * 40_000 + '">'

    kept = html.as_text(source[: html.KEPT_AS_TEXT - 10] + "<a href='secret'>tail</a>")

    assert len(kept) <= html.KEPT_AS_TEXT * 2
    assert "secret" not in kept
