"""A machine like Lambda's: an interpreter, the functions' and the layers' content, and Amazon's runtime client."""

from __future__ import annotations

import json
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from email_router.cli.embedded.ministack import REGION
from tests.infra.runtime_api import Invoked, invoke
from tests.infra.template import ROOT, functions, resources

CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""The runtime client, and what it stands on; Lambda has it at /var/runtime."""


@dataclass
class Lambda:
    """A machine like Lambda's: an interpreter, the functions' and the layers' content, and the runtime client."""

    python: str
    functions: Path
    layers: Mapping[str, Path]
    client: Path
    scratch: Path

    def path(self, name: str) -> list[Path]:
        """What a function sees, in Lambda's order: its code, the layers that the template gives it, the runtime client."""
        attached = [resources("AWS::Lambda::LayerVersion")[one["Ref"]] for one in functions()[name]["Layers"]]
        return [
            self.functions / name,
            *(self.layers[one["Content"]["S3Key"]] for one in attached),
            self.client,
        ]

    def invoke(self, name: str, event: str, values: Mapping[str, str], path: Sequence[Path] = ()) -> Invoked:
        """Start the function cold and hand it one of its events."""
        given = json.loads((ROOT / "events" / name / f"{event}.json").read_text())
        account = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        secret = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        handler = functions()[name]["Handler"]
        return invoke(
            self.python, path or self.path(name), handler, given, {**account, **secret, **values}, self.scratch
        )


def unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder


def client_of_this_python(folder: Path) -> Path:
    """The runtime client alone, out of an environment that holds everything else too."""
    folder.mkdir()
    for name in CLIENT:
        files = distribution(name).files or ()
        for top in {file.parts[0] for file in files if file.parts[0] != ".." and not file.parts[0].startswith("__")}:
            (folder / top).symlink_to(Path(sysconfig.get_path("platlib"), top))
    return folder
