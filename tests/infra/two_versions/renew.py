"""Make `earlier.tar.xz` of a commit: the functions and our package as that version deploys them.

`python -m tests.infra.two_versions.renew COMMIT`; README.md says when.
"""

from __future__ import annotations

import io
import lzma
import subprocess
import sys
import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).parent / "earlier.tar.xz"
_PACKAGE = "layers/email_router/python/email_router"
_FROM = ("functions", _PACKAGE)
_NOT_DEPLOYED = f"{_PACKAGE}/cli/"


def packed(listing: bytes) -> bytes:
    """Return what git archives, without what is not deployed: the same bytes for the same commit, wherever and by whomever it is made."""
    kept = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(listing)) as given, tarfile.open(fileobj=kept, mode="w") as made:
        for one in sorted(given, key=lambda one: one.name):
            if one.isfile() and not one.name.startswith(_NOT_DEPLOYED):
                plain = tarfile.TarInfo(one.name)
                plain.size = one.size
                made.addfile(plain, given.extractfile(one))
    return lzma.compress(kept.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def unpack(folder: Path) -> tuple[Path, Path]:
    """Unpack the archive; return the folder of its functions, and the one of its package."""
    with tarfile.open(ARCHIVE) as given:
        given.extractall(folder, filter="data")
    return folder / "functions", folder / Path(_PACKAGE).parent


def main() -> None:
    """Write the archive."""
    listing = subprocess.run(["git", "archive", sys.argv[1], *_FROM], check=True, stdout=subprocess.PIPE).stdout
    ARCHIVE.write_bytes(packed(listing))


if __name__ == "__main__":
    main()
