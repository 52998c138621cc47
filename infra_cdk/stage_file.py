"""Read a stage's file: `stages/NAME.toml`, or any other that is named by its path."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infra_cdk.checkout import ROOT
from infra_cdk.stage import DEFAULT, STACK, Stage

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

STAGES = ROOT / "stages"


def read_stage(name: str = DEFAULT) -> Stage:
    """Return the stage of this name, or of the file at this path.

    A stage that names no stack has one of its own, `email-router-NAME`, so that it never takes the place of another.  Raises SystemExit, in
    words for a person, when there is no such file or something in it is wrong: all of it is told at once.
    """
    file = Path(name) if name.endswith(".toml") else STAGES / f"{name}.toml"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as missing:
        known = ", ".join(sorted(path.stem for path in STAGES.glob("*.toml")))
        raise SystemExit(f"there is no stage {name}: {file} cannot be read; stages are {known}") from missing
    try:
        told: dict[str, Any] = tomllib.loads(text)
        return Stage.model_validate({"stack": _stack(file.stem), **told})
    except tomllib.TOMLDecodeError as wrong:
        raise SystemExit(f"{file}: {wrong}") from wrong
    except ValidationError as wrong:
        raise SystemExit("\n".join(f"{file}: {line}" for line in _lines(wrong))) from wrong


def _stack(stage: str) -> str:
    return STACK if stage == DEFAULT else f"{STACK}-{stage}"


def _lines(wrong: ValidationError) -> Iterator[str]:
    for error in wrong.errors():
        place = ".".join(str(part) for part in error["loc"] if part != "[key]")
        yield f"{place or 'the file'}: {_words(error)}"


def _words(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such setting (docs/deploying.md lists them)"
    return f"{error['msg'].removeprefix('Value error, ')}, found {error['input']!r}"
