"""Each function starts under Amazon's own runtime client, by the template's handler, with its folder and the template's layers alone.

The emulator's functions see the packages of its own interpreter too; here what a layer lacks is missing.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from email_router.cli.embedded.assets import build_assets, code_content, function_asset
from email_router.cli.embedded.checkout import Checkout
from email_router.core.activity import EmailStatus
from infra_cdk import checkout, layers
from infra_cdk.layer_python import find_python
from tests.e2e.installation import Installation, installation
from tests.functions.test_events import ANSWERS, CONFIGURATION, write_email
from tests.infra.lambda_machine import CLIENT, Lambda, client_of_this_python, unpacked
from tests.infra.runtime_api import Invoked
from tests.infra.template import ROOT, environment, functions, template

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Amazon's runtime client is made for Linux")

CODE, RUNTIME, EXCHANGE = "layer-email-router.zip", "layer-runtime.zip", "layer-exchange.zip"
ONE_EVENT = {
    "collect_outgoing": "minute",
    "publish_events": "activity",
    "receive_notification": "validation",
    "record_delivery": "bounce_permanent",
    "renew_subscriptions": "order",
    "route_mailbox": "schedule",
    "schedule_mailboxes": "requested",
    "send_email": "order",
}
ALONE = {"receive_notification": "validation", "route_mailbox": "unreadable_order"}
"""Events that are answered without AWS."""


@pytest.fixture(scope="module")
def this_machine(tmp_path_factory: pytest.TempPathFactory) -> Lambda:
    """The interpreter of the tests, with the layers as the embedded cloud has them."""
    folder, here = tmp_path_factory.mktemp("lambda"), Checkout.find()
    assets = build_assets(here)
    for name in functions():
        unpacked(assets[function_asset(name)], folder / "functions" / name)
    content = {
        CODE: code_content(here) / "python",
        RUNTIME: here.runtime,
        EXCHANGE: here.exchange,
    }
    (folder / "scratch").mkdir()
    client = client_of_this_python(folder / "client")
    return Lambda(sys.executable, folder / "functions", content, client, folder / "scratch")


def foreign(invoked: Invoked, path: Sequence[Path]) -> list[str]:
    """The files of modules that are neither of what the function was given nor of Python's own library."""
    given = tuple(f"{one}/" for one in path)
    others = [one for one in invoked.files if not one.startswith(given)]
    return [one for one in others if not one.startswith(f"{invoked.library}/") or "/site-packages/" in one]


def settings(name: str) -> dict[str, str]:
    """A function's environment with the parameters' defaults; its resources are called by their logical ids."""
    defaults = {f"${{{key}}}": str(one.get("Default", "")) for key, one in template()["Parameters"].items()}
    return {key: defaults.get(value, value) for key, value in environment(name).items()}


@pytest.mark.parametrize("name", ALONE)
def test_a_function_starts_with_its_layers_alone_and_answers(name: str, this_machine: Lambda) -> None:
    invoked = this_machine.invoke(name, ALONE[name], settings(name))

    assert invoked.answer.kind == "response", invoked.answer.body
    assert ANSWERS[f"{name}/{ALONE[name]}"](invoked.answer.body), invoked.answer.body
    assert foreign(invoked, this_machine.path(name)) == []
    assert any(one.startswith(str(this_machine.layers[RUNTIME])) for one in invoked.files)


def test_a_function_without_its_packages_fails_and_names_the_first_that_is_missing(this_machine: Lambda) -> None:
    path = [one for one in this_machine.path("receive_notification") if one != this_machine.layers[RUNTIME]]

    invoked = this_machine.invoke("receive_notification", "validation", settings("receive_notification"), path)

    assert invoked.answer.kind in {"init", "error"}
    assert invoked.answer.body["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'aws_lambda_powertools'" in invoked.answer.body["errorMessage"]


def test_a_handler_of_another_name_is_not_found(this_machine: Lambda, tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("def handle(event, context):\n    return event\n")
    path = [tmp_path, *this_machine.path("receive_notification")[1:]]

    invoked = this_machine.invoke("receive_notification", "validation", settings("receive_notification"), path)

    assert invoked.answer.body["errorType"] == "Runtime.HandlerNotFound"


@pytest.fixture(scope="module")
def python_3_13(this_machine: Lambda, tmp_path_factory: pytest.TempPathFactory) -> Lambda:
    """Lambda's Python, with layers of the same locks for it and for this machine's processor."""
    version = layers.LAMBDA.python
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} is installed here")
    folder = tmp_path_factory.mktemp("lambda-3.13")
    tags = [f"{tag}_{platform.machine()}" for tag in ("manylinux2014", "manylinux_2_17", "manylinux_2_28")]
    machine = layers.Machine(version, tags)
    lock = folder / "client.txt"
    pins = re.split(r"^(?=[\w.-]+==)", (ROOT / "requirements" / "dev.txt").read_text(), flags=re.MULTILINE)
    lock.write_text("".join(one for one in pins if one.partition("==")[0] in CLIENT))
    made = {RUNTIME: checkout.requirements("runtime"), EXCHANGE: checkout.requirements("exchange"), "client": lock}
    for name, requirements in made.items():
        layers.build(folder / name, requirements, compiler=python, machine=machine)
    layers.build_code(folder / CODE, checkout.source("email-router") / "python", compiler=python)
    content = {name: folder / name / "python" for name in (CODE, RUNTIME, EXCHANGE)}
    return Lambda(python, this_machine.functions, content, folder / "client" / "python", this_machine.scratch)


@pytest.fixture(scope="module", params=["this python", pytest.param("Python 3.13", marks=pytest.mark.long)])
def machine(request: pytest.FixtureRequest, this_machine: Lambda) -> Lambda:
    if request.param == "this python":
        return this_machine
    if sys.version_info[:2] == (3, 13):
        pytest.skip("this Python is 3.13")
    made: Lambda = request.getfixturevalue("python_3_13")
    return made


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch, installation() as running:
        patch.setenv("SOME_PASSWORD", "secret")
        file = tmp_path_factory.mktemp("events") / "router.toml"
        file.write_text(CONFIGURATION)
        running.publish(file)
        running.cloud.stack.stop_queues()
        yield running


@pytest.mark.parametrize("name", ONE_EVENT)
def test_every_function_works_on_the_embedded_cloud(name: str, machine: Lambda, there: Installation) -> None:
    stack = there.cloud.stack
    standing = stack.client("lambda").get_function_configuration(FunctionName=stack.function(name))
    values = {**standing["Environment"]["Variables"], "AWS_ENDPOINT_URL": stack.endpoint.url}
    if name == "record_delivery":
        write_email(there, EmailStatus.SENT)

    invoked = machine.invoke(name, ONE_EVENT[name], values)

    print(f"{name}: {invoked.seconds:.2f} s of CPU, {invoked.peak:.0f} MB")
    assert invoked.answer.kind == "response", invoked.answer.body
    assert ANSWERS[f"{name}/{ONE_EVENT[name]}"](invoked.answer.body), invoked.answer.body
    assert foreign(invoked, machine.path(name)) == []


def test_every_function_is_tried() -> None:
    assert set(ONE_EVENT) == set(functions())
