"""Read the durations and sizes of a configuration: "1m", "35MB"."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}


def seconds(text: object) -> int:
    """Return the seconds that a duration such as "90s", "1m", "2h" or "1d" stands for.  Raises ValueError that shows how it is written."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*([smhd])\s*", text) if isinstance(text, str) else None
    if not found:
        raise ValueError('expected a duration such as "90s", "1m", "2h" or "1d"')
    return int(found[1]) * SECONDS[found[2]]


def size(text: object) -> int:
    """Return the bytes that a size such as "35MB" stands for (1 KB = 1,024 bytes).  Raises ValueError that shows how it is written."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*(KB|MB|GB)\s*", text, re.IGNORECASE) if isinstance(text, str) else None
    if not found:
        raise ValueError('expected a size such as "500KB", "35MB" or "1GB"')
    return int(found[1]) * BYTES[found[2].upper()]
