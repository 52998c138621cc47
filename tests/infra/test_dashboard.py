"""The dashboard shows everything that counts, each on a place of its own."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

from email_router.core.counters import COUNTERS
from tests.infra.template import functions, resources, text_of


def _page() -> list[dict[str, Any]]:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    widgets: list[dict[str, Any]] = json.loads(text_of(dashboard["DashboardBody"]))["widgets"]
    return widgets


def _metrics() -> list[list[Any]]:
    return [metric for widget in _page() for metric in widget["properties"].get("metrics", [])]


def test_every_counter_is_searched_for_in_every_organisation() -> None:
    searched = " ".join(metric[0]["expression"] for metric in _metrics() if isinstance(metric[0], dict))

    for name in COUNTERS:
        counted = name.removesuffix("PerSecond")
        assert f'{{EmailRouter,organisation}} MetricName="{counted}"' in searched, name
    assert searched.count("/300") == sum(name.endswith("PerSecond") for name in COUNTERS)


def test_every_function_and_every_dead_letter_queue_has_its_line() -> None:
    lines = {metric[3]: metric[1] for metric in _metrics() if isinstance(metric[0], str)}
    labels = {metric[-1]["label"] for metric in _metrics() if isinstance(metric[0], str)}
    dead = {
        json.dumps(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for queue in resources("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }

    assert functions().keys() <= labels
    shown = {name for name, metric in lines.items() if metric == "ApproximateNumberOfMessagesVisible"}
    for target in dead:
        assert any(name.strip("${}").split(".")[0] in target for name in shown), target


def test_no_graph_lies_over_another() -> None:
    for one, other in combinations(_page(), 2):
        apart_across = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        apart_down = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert apart_across or apart_down
    assert all(widget["x"] + widget["width"] <= 24 for widget in _page())
