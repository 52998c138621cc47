"""Read a configuration file: strictly, with messages that say what to mend.

pydantic is used here and in the files beside this one only, at publish time; functions read the frozen values of core/settings.py.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from email_router.core.errors import ConfigurationError
from email_router.core.settings import Configuration
from email_router.wiring import configuration_checks as checks
from email_router.wiring.configuration_lines import lines
from email_router.wiring.configuration_models import ConfigurationFile
from email_router.wiring.configuration_parts import Parts
from email_router.wiring.configuration_problems import from_pydantic, refuse


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration ready to publish.

    `secrets` holds, by name (`organisation/profile`), the values that the file named by environment variable or certificate file;
    `warnings` are for the person who publishes.
    """

    configuration: Configuration
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


def load(source: Path | str, variables: Mapping[str, str] | None = None, base: Path | None = None) -> Loaded:
    """Read the file at a Path, or the text of a str, whose file names are relative to the file's folder (to `base`, else the working folder).

    `variables` answers `env = "…"` (default: this process's environment).  Raises ConfigurationError with one line for each thing that is
    wrong: file, line, table, field, what was expected.  A secret's value is in no message.
    """
    text, name, folder = _text(source, base or Path())
    data, known = _toml(text, name), lines(text)
    try:
        file = ConfigurationFile.model_validate(data)
    except ValidationError as failure:
        found = [from_pydantic(error) for error in failure.errors(include_url=False)]
        raise refuse(name, found, known, data) from None
    parts = Parts(file, folder, os.environ if variables is None else variables)
    configuration = parts.configuration()
    if wrong := [*checks.problems(file), *parts.problems]:
        raise refuse(name, wrong, known, data)
    return Loaded(configuration, parts.secrets, (*checks.warnings(file), *parts.warnings))


def _text(source: Path | str, base: Path) -> tuple[str, str, Path]:
    if isinstance(source, str):
        return source, "configuration", base
    try:
        return source.read_text("utf-8"), str(source), source.parent
    except OSError as failure:
        raise ConfigurationError(f"{source}: cannot be opened: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise ConfigurationError(f"{source}: is not UTF-8 text, as TOML must be (byte {failure.start})") from failure


def _toml(text: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise ConfigurationError(f"{name}: is not valid TOML: {failure}") from failure
