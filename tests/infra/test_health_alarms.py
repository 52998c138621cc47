"""What stands is shown and watched, and each alert that is raised reaches the topic of the alarms in words."""

from __future__ import annotations

import json

from email_router.core.counters import GAUGES
from email_router.edge.stores.alert_bus import SOURCE
from tests.infra.template import functions, resources, text_of


def test_the_dashboard_shows_everything_that_stands() -> None:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    page = text_of(dashboard["DashboardBody"])

    for name in GAUGES:
        assert f'MetricName=\\\\\\"{name}\\\\\\"' in page or f'MetricName=\\"{name}\\"' in page, name


def test_alarms_watch_the_worst_of_all_organisations() -> None:
    found = {
        alarm["MetricName"]: (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"])
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm.get("Namespace") == "EmailRouter"
    }

    at_least, below = "GreaterThanOrEqualToThreshold", "LessThanThreshold"
    assert found == {
        "FailingMailboxesPercent": ("Maximum", at_least, 51),
        "OpenCircuits": ("Maximum", at_least, 1),
        "OldestUndeliveredSeconds": ("Maximum", at_least, 86_400),
        "UnknownResults": ("Maximum", at_least, 1),
        "SecretDaysLeft": ("Minimum", below, 30),
    }
    ours = [one for one in resources("AWS::CloudWatch::Alarm").values() if one.get("Namespace") == "EmailRouter"]
    assert all("Dimensions" not in one and one["TreatMissingData"] == "notBreaching" for one in ours)


def test_an_alert_goes_from_its_bus_to_the_topic_with_what_to_do() -> None:
    (rule,) = (one for one in resources("AWS::Events::Rule").values() if "EventBusName" in one)
    (target,) = rule["Targets"]
    (topic,) = resources("AWS::SNS::Topic")

    assert rule["EventBusName"] == {"Ref": "AlertBus"}
    assert rule["EventPattern"] == {"source": [SOURCE]}
    assert target["Arn"] == {"Ref": topic}
    words = json.dumps(target["InputTransformer"])
    assert all(f"$.detail.{name}" in words for name in ("organisation", "text", "mend"))
    assert "What to do" in words


def test_every_function_knows_the_bus() -> None:
    assert {text_of(one["Environment"]["Variables"]["ALERT_BUS"]) for one in functions().values()} == {"${AlertBus}"}
