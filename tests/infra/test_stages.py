"""A stage's file says what the stage is; what is wrong in it is told whole and in words, before anything is deployed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from infra_cdk.cdk import command
from infra_cdk.parameter_values import Choice, Span, unknown
from infra_cdk.stage import FunctionName, Sizing, Stage
from infra_cdk.stage_file import STAGES, read_stage
from tests.infra.template import ROOT

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the file of a stage called `test`; return its path."""

    def written(text: str) -> str:
        file = tmp_path / "test.toml"
        file.write_text(text, encoding="utf-8")
        return str(file)

    return written


def test_the_default_stage_s_file_shows_every_setting_with_the_value_it_has_without_it() -> None:
    text = (STAGES / "default.toml").read_text(encoding="utf-8")

    assert read_stage() == Stage()
    assert [name for name in settings(Stage) if f"{name} = " not in text and f"[{name}" not in text] == []


def settings(part: type[BaseModel]) -> list[str]:
    """The names of all settings of a table and of those below it."""
    names = []
    for name, field in part.model_fields.items():
        names.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += settings(field.annotation)
    return [*names, *(Sizing.model_fields if part is Stage else [])]


def test_every_setting_is_explained_to_operators() -> None:
    explained = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")

    assert [name for name in settings(Stage) if f"`{name}`" not in explained and f"`[{name}]`" not in explained] == []


def test_each_function_can_be_of_another_size() -> None:
    folders = {file.parent.name for file in (ROOT / "functions").glob("*/handler.py")}

    assert set(get_args(FunctionName)) == folders


def test_a_stage_that_names_no_stack_never_takes_the_place_of_another(write: Write) -> None:
    assert read_stage(write("")).stack == "email-router-test"
    assert read_stage(write('stack = "mail"')).stack == "mail"
    assert read_stage().stack == "email-router"


def test_a_stage_is_what_its_file_says(write: Write) -> None:
    stage = read_stage(
        write(
            """
            log_days = 90
            [parameters]
            AllowedNetworks = ["10.20.0.0/16", "10.30.0.0/16"]
            PublishEvents = true
            [functions.receive_notification]
            snap_start = true
            [vpc]
            kind = "existing"
            subnets = ["subnet-0a", "subnet-0b"]
            security_groups = ["sg-0a"]
            [ses]
            identities = ["Contoso.example"]
            """
        )
    )

    assert (stage.log_days, stage.sizing("receive_notification").snap_start) == (90, True)
    assert (stage.sizing("send_email"), stage.schedules.collect_outgoing) == (Sizing(), 1)
    assert stage.parameters == {"AllowedNetworks": ("10.20.0.0/16", "10.30.0.0/16"), "PublishEvents": True}
    assert (stage.vpc.subnets, stage.ses.identities) == (("subnet-0a", "subnet-0b"), ("contoso.example",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour = 'red'", "colour: there is no such setting"),
        ("log_days = 31", "log_days: Input should be 7, 14, 30, 60, 90, 180 or 365, found 31"),
        ("[functions.send_mail]\nmemory = 512", "functions.send_mail: Input should be 'collect_outgoing'"),
        ("[functions.send_email]\nmemory = 64", "functions.send_email.memory: Input should be greater than or equal"),
        (
            "[functions.send_email]\nsnap_start = true\nprovisioned = 1",
            "functions.send_email: provisioned and snap_start exclude each other",
        ),
        ("[functions.send_email]\nreserved = 1\nprovisioned = 2", "provisioned = 2 is more than reserved = 1"),
        (
            "[vpc]\nkind = 'existing'\nsubnets = ['subnet-1']",
            'vpc: kind = "existing" needs subnets and security_groups',
        ),
        ("[vpc]\nkind = 'own'\nsubnets = ['subnet-1']", 'and kind is "own"'),
        ("[vpc]\nsubnets = ['net-1']\nsecurity_groups = ['sg-1']", "vpc.subnets.0: String should match pattern"),
        ("[schedules]\ncollect_outgoing = 10", "schedules.collect_outgoing: Input should be less than or equal to 5"),
        ("[alarms]\nmailbox_work_waits = 15", "alarms.mailbox_work_waits: Input should be less than or equal to 14"),
        ("[ses]\nidentities = ['*']", "ses.identities.0: String should match pattern"),
        ("stack = 1", "stack: Input should be a valid string, found 1"),
        ("log_days = ", "Invalid value"),
    ],
)
def test_what_is_wrong_in_a_stage_is_told_with_its_place(write: Write, text: str, told: str) -> None:
    file = write(text)

    with pytest.raises(SystemExit) as refused:
        read_stage(file)

    assert str(refused.value).startswith(f"{file}: ")
    assert told in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(write: Write) -> None:
    with pytest.raises(SystemExit) as refused:
        read_stage(write("colour = 'red'\n[vpc]\nkind = 'large'"))

    assert len(str(refused.value).splitlines()) == 2


def test_a_stage_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SystemExit, match=r"there is no stage prod: .*prod\.toml cannot be read; stages are .*default"):
        read_stage("prod")


def test_a_parameter_takes_what_cloudformation_would_take() -> None:
    assert Choice("PublishEvents", ["false", "true"]).taken(chosen=True) == "true"
    assert (
        Choice("AllowedNetworks", pattern=r"^[0-9./,]*$").taken(("10.0.0.0/8", "10.1.0.0/16"))
        == "10.0.0.0/8,10.1.0.0/16"
    )
    assert Span("WorkSeconds", 1, 280).taken(280) == 280
    with pytest.raises(SystemExit, match=r"parameters\.LogLevel: expected one of INFO, ERROR, found 'LOUD'"):
        Choice("LogLevel", ["INFO", "ERROR"]).taken("LOUD")
    with pytest.raises(SystemExit, match=r"parameters\.AlarmAddress: expected the form .*, found 'nobody'"):
        Choice("AlarmAddress", pattern=r"^([^@\s]+@[^@\s]+)?$").taken("nobody")
    for wrong in (281, "280", True):
        with pytest.raises(SystemExit, match=r"parameters\.WorkSeconds: expected a number from 1 to 280"):
            Span("WorkSeconds", 1, 280).taken(wrong)


def test_a_parameter_that_the_stack_has_not_is_told_with_what_was_meant() -> None:
    with pytest.raises(
        SystemExit, match=r"parameters\.AlarmAdress: the stack has no such parameter; did you mean AlarmAddress"
    ):
        unknown({"AlarmAdress": "a@b"}, ["AlarmAddress", "LogLevel"])
    unknown({"LogLevel": "INFO"}, ["AlarmAddress", "LogLevel"])


def test_a_named_stage_is_deployed_as_its_file_says_and_no_earlier_value_stays(write: Write) -> None:
    file = write("")

    named = command(["deploy", "--stage", file, "--require-approval", "never"])
    unnamed = command(["deploy", "--parameters", "LogLevel=DEBUG"])

    assert named[named.index("--context") + 1] == f"stage={file}"
    assert "--no-previous-parameters" in named
    assert [one for one in named if one in {"deploy", "--require-approval", "never", "--stage"}] == [
        *("deploy", "--require-approval", "never")
    ]
    assert {"--context", "--no-previous-parameters"} & set(unnamed) == set()
    assert "--no-previous-parameters" not in command(["diff", "--stage", file])


def test_a_stage_that_is_wrong_is_told_before_anything_is_started(write: Write) -> None:
    with pytest.raises(SystemExit, match="log_days"):
        command(["deploy", "--stage", write("log_days = 1")])
