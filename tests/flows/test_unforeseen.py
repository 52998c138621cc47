"""What nobody foresaw: told in the mailbox's state by its type, risen to whoever runs the pass, and never the end of other messages."""

from __future__ import annotations

import io
import json
from copy import copy
from types import SimpleNamespace
from typing import Any

import pytest

from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.unforeseen import place_of
from email_router.wiring import answer
from email_router.wiring.observe import log
from tests.flows.house import SALES, House, mail

SECRET = "the words of a stranger's server"


def failing(house: House, method: str) -> None:
    """Have the source of every pass fail as no adapter should."""
    real = house._open

    def opened(*given: Any) -> Any:
        source = copy(real(*given))

        def wrong(*_: Any, **__: Any) -> Any:
            raise ValueError(SECRET)

        setattr(source, method, wrong)
        return source

    house._open = opened  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("method", ["has_news", "pages", "fetch"])
def test_it_stands_in_the_state_of_the_mailbox_by_its_type_and_place_and_rises(method: str) -> None:
    house = House(mail(1))
    failing(house, method)

    with pytest.raises(ValueError, match=SECRET):
        house.route()

    state = house.states.read(SALES)
    assert (state.error_kind, state.failures) == ("unforeseen", 1)
    assert SALES in state.error_text
    assert "ValueError" in state.error_text
    assert SECRET not in f"{state.error_text}{state.error_mend}"
    assert state.lease_until is None


def test_once_it_is_over_the_mailbox_is_served_and_the_state_is_clean() -> None:
    house = House(mail(1))
    real = house._open
    failing(house, "pages")
    with pytest.raises(ValueError, match=SECRET):
        house.route()

    house._open = real  # type: ignore[method-assign]
    house.route()

    assert len(house.crm.activities) == 1
    assert house.states.read(SALES).error_kind == ""


def test_a_message_that_raises_it_each_time_is_set_aside_and_the_others_come() -> None:
    house = House(mail(1), mail(2), mail(3))
    real = house._open

    def opened(*given: Any) -> Any:
        source = copy(real(*given))
        fetch = source.fetch

        def reading(listed: Any, limit: int) -> Any:
            for one in fetch(listed, limit):
                if b"<m2@" in one.raw:
                    raise RecursionError(SECRET)
                yield one

        source.fetch = reading  # type: ignore[method-assign]
        return source

    house._open = opened  # type: ignore[method-assign, assignment]
    for _ in range(6):
        try:
            house.route()
        except RecursionError:
            continue
    house._open = real  # type: ignore[method-assign]

    assert len(house.crm.activities) == 2
    assert house.states.read(SALES).error_kind == ""


def test_where_the_state_cannot_be_written_either_the_first_trouble_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    failing(house, "has_news")

    def away(*_: Any) -> Any:
        raise TryLater("the store is away", kind="store")

    monkeypatch.setattr(house.states, "lease", away)

    with pytest.raises(ValueError, match=SECRET):
        house.route()


def test_the_log_tells_type_and_place_and_no_word_of_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(log._logger.handlers[0], "stream", written)

    def act(order: Any, context: Any) -> None:
        try:
            json.loads(SECRET)
        except ValueError as problem:
            raise KeyError(SECRET) from problem

    event = {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]}
    answered = answer.each(event, SimpleNamespace(), act)  # type: ignore[arg-type]

    assert answered["batchItemFailures"] == [{"itemIdentifier": "1"}]
    (line,) = [json.loads(row) for row in written.getvalue().splitlines()]
    assert line["message"] == "order failed unexpectedly"
    assert (line["error"], line["level"]) == ("KeyError", "ERROR")
    assert "in act" in line["place"]
    assert SECRET not in written.getvalue()


def test_what_the_router_itself_says_of_a_configuration_stays_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(log._logger.handlers[0], "stream", written)

    def act(order: Any, context: Any) -> None:
        raise ConfigurationError("profile x: host: expected a name")

    event = {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]}
    answer.each(event, SimpleNamespace(), act)  # type: ignore[arg-type]

    assert "expected a name" in written.getvalue()


def test_a_place_names_the_innermost_functions_without_the_folders_of_a_machine() -> None:
    def deeper() -> None:
        json.loads("[")

    try:
        deeper()
    except ValueError as problem:
        told = place_of(problem)

    assert "test_unforeseen.py" in told
    assert "in deeper" in told
    assert "/" not in told.replace("edge/", "")
