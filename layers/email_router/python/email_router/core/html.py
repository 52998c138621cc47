"""Make the html of a mail safe to show, and make text from it."""

from __future__ import annotations

import html as entities
import re
from functools import cache

import nh3

# The sanitizer takes quadratic time in open elements, in attributes of one tag, in what stands astray in a table and in "&" and blanks
# of one text.  No honest mail comes near these.
_DEEPEST = 300
_MOST_ATTRIBUTES = 500
_MOST_TAGS = 100_000
_MOST_ESCAPED = 200_000
_MOST_ESCAPED_AT_ONCE = 5_000
_SHORT = 2_000
_LONG = 20_000
KEPT_AS_TEXT = 250_000
"""How many characters of html that cannot be sanitized are kept, as text."""
# Elements without content, and those often left open, which the next one closes.
_VOID = frozenset(
    (
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "param",
            "source",
            "track",
            "wbr",
        ),
        *("p", "li", "td", "th", "tr", "dt", "dd", "option", "tbody", "thead"),
    )
)
_MARKUP = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]*)")
_ANY_TAG = re.compile(r"<[^<>]*>")

_SIZED = {"align", "bgcolor", "height", "valign", "width"}
_ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "div": {"align"},
    "font": {"color", "face", "size"},
    "p": {"align"},
    "table": _SIZED | {"border", "cellpadding", "cellspacing", "summary"},
    "td": _SIZED | {"colspan", "rowspan", "headers"},
    "th": _SIZED | {"colspan", "rowspan", "headers", "scope"},
    "tr": _SIZED,
    "*": {"dir", "lang", "title"},
}
_WITH_CONTENT = {"script", "style", "title", "template", "iframe", "noembed", "noframes", "object"}

# In sanitized html every "<" opens a tag and every attribute stands in double quotes.
_IMAGE = re.compile(r'<img [^>"]*+(?:"[^"]*+"[^>"]*+)*+>')
_SOURCE = re.compile(r' src="(?!cid:)[^"]*+"')
_TAG = re.compile(r'<(/?)([a-z0-9]+)[^>"]*+(?:"[^"]*+"[^>"]*+)*+>')
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_GAPS = re.compile(r"\n{3,}")
_BREAKS = {
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol", "dl"), "\n\n"),
    **dict.fromkeys(
        ("br", "div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "center", "hr", "caption"), "\n"
    ),
    **dict.fromkeys(("td", "th"), " "),
}
_LONE = frozenset({"br", "hr", "img", "wbr"})


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(nh3.ALLOWED_TAGS) | {"font", "tfoot"},
        clean_content_tags=_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        url_relative="deny",
    )


def sanitize(source: str) -> str:
    """Return html with only harmless elements and attributes: no script, style, form or frame, no image from elsewhere.

    Images inside the mail (cid:) stay; any other loses its address, as showing it would tell its sender who reads.  Html built to
    exhaust the sanitizer comes back as its text in <pre>, that of its first 250,000 characters.  Never raises; time linear in length.
    """
    if not source.strip():
        return ""
    cleaned = None if is_hostile(source) else _clean(source)
    if cleaned is None:
        return as_text(source)
    if "<img " in cleaned:
        cleaned = _IMAGE.sub(lambda image: _SOURCE.sub("", image[0]), cleaned)
    return cleaned.strip()


def as_text(source: str) -> str:
    """Return the text of html that is too much for the sanitizer, in <pre>: that of its first 250,000 characters."""
    kept = source[:KEPT_AS_TEXT]
    opened = kept.rfind("<")
    if len(kept) < len(source) and opened > kept.rfind(">"):  # a tag cut short is no text
        kept = kept[:opened]
    return f"<pre>{entities.escape(entities.unescape(_ANY_TAG.sub(' ', kept)))}</pre>"


def _clean(source: str) -> str | None:
    try:
        return _cleaner().clean(source)
    except BaseException as failure:
        if (
            type(failure).__name__ == "PanicException"
        ):  # what Rust raises is no Exception, and its class has no public name
            return None
        raise


def to_text(sanitized: str) -> str:
    """Return the visible text of html that `sanitize` made: blocks on lines of their own, entities as characters."""
    text = _TAG.sub(_break, _BLANKS.sub(" ", sanitized))
    text = entities.unescape(text).replace("\xa0", " ")
    lines = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    return _GAPS.sub("\n\n", lines).strip()


def _break(tag: re.Match[str]) -> str:
    if tag[2] in _LONE or tag[1] or tag[2] in ("table", "ul", "ol", "blockquote", "div", "p"):
        return _BREAKS.get(tag[2], "")
    return "- " if tag[2] == "li" else ""


def is_hostile(source: str) -> bool:
    """Tell whether html would cost the sanitizer more than a second; then it is kept as text.  Linear in length."""
    tags = source.count("<")
    return (
        tags > _MOST_TAGS
        or _is_full_of_escapes(source)
        or (tags > _SHORT and _depth(source) > _DEEPEST)
        or (len(source) > _LONG and _crowded(source))
    )


def _is_full_of_escapes(source: str) -> bool:
    """Tell whether there is too much to escape in all, or between two tags."""
    many = source.count("&") + source.count("\xa0")
    if many <= _MOST_ESCAPED_AT_ONCE:
        return False
    return many > _MOST_ESCAPED or any(
        piece.count("&") + piece.count("\xa0") > _MOST_ESCAPED_AT_ONCE for piece in source.split("<")
    )


def _depth(source: str) -> int:
    """Return how many elements are open at the deepest place, closing tags of unopened ones not counted."""
    opened: dict[str, int] = {}
    depth = deepest = 0
    for closing, name in _MARKUP.findall(source):
        tag = name.lower()
        if tag in _VOID:
            continue
        if not closing:
            opened[tag] = opened.get(tag, 0) + 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened.get(tag):
            opened[tag] -= 1
            depth -= 1
    return deepest


def _crowded(source: str) -> bool:
    """Tell whether a single tag holds more attributes than any honest one."""
    for piece in source.split(">"):
        tag = piece.find("<")
        if (
            tag >= 0
            and len(piece) - tag > _MOST_ATTRIBUTES * 2
            and len(piece[tag:].split(None, _MOST_ATTRIBUTES)) > _MOST_ATTRIBUTES
        ):
            return True
    return False
