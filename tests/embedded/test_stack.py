"""The stack in the emulator: real functions, called and fed by queues and events."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from email_router.cli.embedded.counters import log_lines, read_counters
from email_router.cli.embedded.deployment import attach, deploy
from email_router.cli.embedded.events import put_event
from email_router.cli.embedded.quiet import StillBusyError, dead_letters, wait_until_quiet
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

from .conftest import done, rows

Work = Callable[..., None]


pytestmark = pytest.mark.alone  # a queue gives a message out again when its function starts too slowly


def test_a_function_runs_with_both_layers_and_answers(stack: DeployedStack) -> None:
    answer = stack.invoke("record_event", {"hello": "world"})

    assert answer["boto3"].endswith(".build/runtime/python/boto3/__init__.py")
    assert answer["version"] == answer["botocore"]
    assert "/.build/assets/layer-email-router-" in answer["layer"]
    assert any('"hello"' in row.get("event", "") for row in rows(stack))


def test_the_command_line_is_not_in_the_layer(stack: DeployedStack) -> None:
    assert stack.invoke("record_event", {})["cli"] is None


def test_a_function_that_fails_says_why(stack: DeployedStack) -> None:
    with pytest.raises(EmbeddedCloudError, match=r"record_event failed: asked to fail(.|\n)*ValueError"):
        stack.invoke("record_event", {"fail": True})


def test_a_function_that_is_not_there_is_named_with_those_that_are(stack: DeployedStack) -> None:
    with pytest.raises(EmbeddedCloudError, match="no function sing; it has consume_work, record_event"):
        stack.invoke("sing", {})


def test_parameters_reach_the_functions_and_their_environment_can_be_added_to(stack: DeployedStack, work: Work) -> None:
    work(id="parameter")
    wait_until_quiet(stack, within=20)
    stack.set_environment("consume_work", {"NOTE": "set later"})
    work(id="later")
    wait_until_quiet(stack, within=20)

    assert [row["note"] for row in done(stack, "parameter")] == ["from a test"]
    assert [row["note"] for row in done(stack, "later")] == ["set later"]


def test_a_chain_of_messages_is_waited_for_to_its_end(stack: DeployedStack, work: Work) -> None:
    seen: list[int] = []
    work(id="first", sleep=0.5, then={"id": "second", "then": {"id": "third"}})

    backlog = wait_until_quiet(stack, within=20, progress=lambda now: seen.append(now.left))

    assert len(done(stack, "third")) == 1
    assert seen[0] >= 1
    assert seen[-1] == 0
    assert backlog.quiet


def test_messages_are_worked_on_at_the_same_time_up_to_the_limit(stack: DeployedStack, work: Work) -> None:
    stack.set_visibility(60)
    stack.limit_parallel(3)
    for number in range(6):
        work(id="parallel", sleep=0.5, sort=str(number))
    wait_until_quiet(stack, within=30)

    assert len({row["pid"] for row in done(stack, "parallel")}) <= 3
    assert len(done(stack, "parallel")) == 6


def test_a_message_whose_function_dies_comes_back_and_then_is_a_dead_letter(stack: DeployedStack, work: Work) -> None:
    stack.set_visibility(2)
    work(id="dies", die=True)
    with pytest.raises(StillBusyError, match="1 in work"):
        wait_until_quiet(stack, within=0.5)

    backlog = wait_until_quiet(stack, within=20)

    assert backlog.dead_letters == 1
    assert [letter["received"] for letter in dead_letters(stack) if "dies" in letter["body"]] == [2]


def test_one_failed_message_does_not_take_its_neighbours_along(stack: DeployedStack, work: Work) -> None:
    stack.set_visibility(1)
    before = wait_until_quiet(stack, within=20).dead_letters
    work(id="bad", fail=True)
    work(id="good")

    after = wait_until_quiet(stack, within=20)

    assert len(done(stack, "good")) == 1
    assert after.dead_letters == before + 1


def test_metrics_that_functions_print_are_added_up(stack: DeployedStack, work: Work) -> None:
    stack.set_visibility(60)
    before = read_counters(stack).get("MessagesDone", 0)
    for number in range(40):
        work(id="counted", sort=str(number), chatter=30)
    wait_until_quiet(stack, within=60)

    assert read_counters(stack)["MessagesDone"] == before + 40
    assert sum(line.startswith("chatter") for line in log_lines(stack)) == 40 * 30
    assert read_counters(stack, namespace="Other") == {}


def test_an_event_of_ses_reaches_the_rules_that_match_it(stack: DeployedStack) -> None:
    bounce = {"eventType": "Bounce", "mail": {"messageId": "made-up"}}

    put_event(stack, "Email Bounced", bounce)
    put_event(stack, "Instance started", {"other": "event"}, source="somebody.else")

    deadline = time.monotonic() + 20
    while not any("made-up" in row.get("event", "") for row in rows(stack)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert any("made-up" in row.get("event", "") for row in rows(stack))
    assert not any("other" in row.get("event", "") for row in rows(stack))


def test_another_process_finds_the_same_stack(stack: DeployedStack) -> None:
    found = attach(stack.endpoint)

    assert found == stack
    assert found.queue("work-queue") == stack.outputs["Queue"]


def test_a_stack_that_cannot_be_made_is_told_in_the_emulators_words(stack: DeployedStack, tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    template.write_text('{"Parameters": {}, "Resources": {"Wrong": {"Type": "AWS::Nowhere::Thing", "Properties": {}}}}')

    with pytest.raises(EmbeddedCloudError, match="Unrecognized resource types"):
        deploy(stack.endpoint, template, {}, name="wrong")


def test_a_template_that_names_an_asset_which_is_not_built_is_refused(stack: DeployedStack, tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    layer = (
        '{"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Bucket": "b", "S3Key": "layer-x.zip"}}}'
    )
    template.write_text(f'{{"Parameters": {{}}, "Resources": {{"Layer": {layer}}}}}')

    with pytest.raises(EmbeddedCloudError, match=r"layer-x\.zip"):
        deploy(stack.endpoint, template, {}, name="wrong")


def test_a_template_that_was_not_made_says_make_synth(stack: DeployedStack, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedCloudError, match="make synth"):
        deploy(stack.endpoint, tmp_path / "none.json", {})
