"""Count anew what each piece of work asks of AWS, and write it into the package for `email-router cost`.

The functions are the real ones on the stack of the committed template in memory of AWS (tests/roads).  A test fails while the file is out of
date; whoever changes a road runs this, looks at what the change costs, and commits the file with it.
"""

from __future__ import annotations

import json
from pathlib import Path

import email_router.cli.cost
from tests.roads.counting import counted

PLACE = Path(email_router.cli.cost.__file__).parent / "counts.json"


def run() -> None:
    """Count, tell what differs from the file, and write it."""
    before = json.loads(PLACE.read_text("utf-8")) if PLACE.exists() else {}
    now = counted()
    for part, found in now.items():
        known = before.get(part, {})
        for name in sorted({*found, *known}):
            if found.get(name) != known.get(name):
                print(f"{part}, {name}: {known.get(name)} -> {found.get(name)}")
    PLACE.write_text(json.dumps(now, indent=2) + "\n", "utf-8")
    print(f"{PLACE} is written")
