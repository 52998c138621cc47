"""Turn bytes into text by the charset that a mail names, or by the likeliest one."""

from __future__ import annotations

import codecs
import encodings.aliases
import re
from functools import lru_cache

# Not charsets of mail: they execute escapes, take quadratic time (CVE-2022-45061) or decode into bytes.
_REFUSED = frozenset(
    {
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
        "mbcs",
        "oem",
        "base64_codec",
        "bz2_codec",
        "hex_codec",
    }
    | {"quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
)
_MORE = ("cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_t", "koi8_u", "utf_8_sig", "mac_arabic")
# Only names that the standard library knows are looked up: its cache of unknown names never shrinks.
_KNOWN = (frozenset(encodings.aliases.aliases.values()) | frozenset(_MORE)) - _REFUSED
# What senders write -> the superset they mean (WHATWG Encoding Standard, "names and labels").
_MEANT = {
    "ascii": "cp1252",
    "us_ascii": "cp1252",
    "us": "cp1252",
    "ansi_x3_4_1968": "cp1252",
    "iso_8859_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso_8859_1_1987": "cp1252",
    "latin1": "cp1252",
    "latin_1": "cp1252",
    "latin": "cp1252",
    "l1": "cp1252",
    "iso_8859_9": "cp1254",
    "iso8859_9": "cp1254",
    "iso_8859_11": "cp874",
    "windows_874": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "x_gbk": "gb18030",
    "gbk": "gb18030",
    "gb_2312_80": "gb18030",
    "cp936": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x_sjis": "cp932",
    "euc_kr": "cp949",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_2022_jp": "iso2022_jp_ext",
    "iso2022_jp": "iso2022_jp_ext",
    "iso_2022_jp_ms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "utf8mb4": "utf_8",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
}
_WESTERN = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
_GUESSED = frozenset({"ascii", "us_ascii", "us", "ansi_x3_4_1968"})


@lru_cache(maxsize=256)
def codec(name: str) -> str | None:
    """Return Python's name of the codec that a charset label means, or None for an unknown or unsafe label."""
    label = re.sub(r"[^a-z0-9]+", "_", name[:60].lower()).strip("_")
    if label in _GUESSED:
        return None
    meant = _MEANT.get(label)
    if meant:
        return meant
    if encodings.aliases.aliases.get(label, label) in _KNOWN:
        return label
    numbered = re.fullmatch(r"(?:windows|win|x_cp|cp|x_windows|ibm)_?(\d{3,4})", label)
    return f"cp{numbered[1]}" if numbered and f"cp{numbered[1]}" in _KNOWN else None


def decode(content: bytes, name: str | None = None) -> str:
    """Decode bytes by the charset `name`; never raises and never drops a byte without a mark.

    An unknown label, or none, is read as UTF-8 where that fits, else as windows-1252.  Bytes that do not fit a known charset become
    U+FFFD, except where a label of UTF-8 stands on bytes that are mostly something else.
    """
    if content.isascii() and b"\x1b" not in content and (name is None or not _shifts(name)):
        return content.decode("ascii")
    found = codec(name) if name else None
    if found is None:
        return _guess(content)
    try:
        return content.decode(found)
    except LookupError:  # a codec of this build's platform alone
        return _guess(content)
    except ValueError:
        return _approximate(content, found)


def _shifts(name: str) -> bool:
    """Tell whether bytes below 128 may stand for other characters in this charset."""
    lowered = name.lower()
    return lowered.startswith(
        ("iso-2022", "iso2022", "utf-7", "unicode-1", "hz", "utf-16", "utf16", "utf-32", "cp5022", "ibm", "cp", "x-")
    )


def _approximate(content: bytes, found: str) -> str:
    """Decode bytes that are not wholly of their charset."""
    if found == "cp1252":
        return _western(content)
    marked = content.decode(found, "replace")
    if found in {"utf_8", "utf8"} and marked.count("\ufffd") * 2 > sum(1 for byte in content[:4096] if byte > 127):  # noqa: PLR2004
        return _western(content)
    return marked


def _guess(content: bytes) -> str:
    if b"\x1b$" in content or b"\x1b(" in content:
        try:
            return content.decode("iso2022_jp_ext")
        except ValueError:
            pass
    try:
        return content.decode("utf-8")
    except ValueError:
        return _western(content)


def _western(content: bytes) -> str:
    """Decode as windows-1252, its five holes as the control characters of Latin-1."""
    try:
        return content.decode("cp1252")
    except ValueError:
        return codecs.charmap_decode(content, "strict", _WESTERN)[0]
