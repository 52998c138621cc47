"""The committed template is what the CDK application makes of the default stage; other stages are what their files say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.mailbox import Direction, Profile
from email_router.edge.connect.network import check_address, narrow
from email_router.wiring.environment import Environment
from tests.infra.template import ROOT, TEMPLATE, functions, listed, template, text_of

EVERYTHING = Path(__file__).parent / "stages" / "everything.toml"
SYNTHESIZE = """
import json, sys
from pathlib import Path
from aws_cdk import App, Stack
from infra_cdk.stage import Vpc
from infra_cdk.stage_file import read_stage
from infra_cdk.synth import synthesize
from infra_cdk.vpc import FunctionNetwork

folder = Path(sys.argv[1])
for name in ("default", sys.argv[2]):
    text = synthesize(folder / Path(name).stem, read_stage(name))
    (folder / f"{Path(name).stem}.json").write_text(text, encoding="utf-8")
app = App(analytics_reporting=False, outdir=str(folder / "networks"))
FunctionNetwork(Stack(app, "alone"), "network", Vpc(kind="own", nat_gateways=0))
(folder / "alone.json").write_text(json.dumps(app.synth().get_stack_by_name("alone").template))
inside = Vpc(kind="existing", subnets=("subnet-0a", "subnet-0b"), security_groups=("sg-0c",))
(folder / "inside.json").write_text(json.dumps(FunctionNetwork(Stack(App(), "inside"), "network", inside).place))
"""
"""The default stage, one that uses every setting, and of two others the network alone: a whole stack takes the CDK seconds."""
CONNECT = {"collect_outgoing", "record_delivery", "renew_subscriptions", "route_mailbox", "send_email"}
"""The functions that speak to mail servers or a CRM."""


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The templates as `make synth` would write them now.  One process: the CDK's Node takes half a gigabyte."""
    folder = tmp_path_factory.mktemp("synthesis")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", SYNTHESIZE, folder, EVERYTHING],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}


class Synthesized:
    """The template of one stage."""

    def __init__(self, text: str) -> None:
        self.whole: dict[str, Any] = json.loads(text)

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, by logical id."""
        found = self.whole["Resources"].items()
        return {name: one.get("Properties", {}) for name, one in found if one["Type"] == kind}

    def function(self, name: str) -> tuple[str, dict[str, Any]]:
        """Logical id and properties of a function."""
        key = f"fn-{name.replace('_', '-')}.zip"
        (found,) = (pair for pair in self.of("AWS::Lambda::Function").items() if pair[1]["Code"]["S3Key"] == key)
        return found

    def actions(self, name: str) -> dict[str, set[str]]:
        """What a function may do, and on what."""
        _, function = self.function(name)
        allowed: dict[str, set[str]] = {}
        for policy in self.of("AWS::IAM::Role")[function["Role"]["Fn::GetAtt"][0]]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    allowed.setdefault(action, set()).update(text_of(one) for one in listed(statement["Resource"]))
        return allowed


@pytest.fixture(scope="session")
def everything(synthesized: Mapping[str, str]) -> Synthesized:
    return Synthesized(synthesized["everything"])


def test_the_committed_template_is_fresh(synthesized: Mapping[str, str]) -> None:
    fresh = synthesized["default"] == TEMPLATE.read_text(encoding="utf-8")
    assert fresh, "infra_cdk/template.json is stale: run make synth, read the difference, commit it"


def test_the_template_holds_nothing_of_the_machine_that_made_it(synthesized: Mapping[str, str]) -> None:
    text = synthesized["default"]
    whole = json.loads(text)

    assert "BootstrapVersion" not in whole["Parameters"]
    assert "Rules" not in whole
    assert "CDKMetadata" not in whole["Resources"]
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert "cdk-hnb659fds" not in text


def test_what_a_stage_chooses_for_a_parameter_is_its_default_there(everything: Synthesized) -> None:
    chosen = {name: one.get("Default") for name, one in everything.whole["Parameters"].items()}
    standard = {name: one.get("Default") for name, one in template()["Parameters"].items()}

    assert {name: value for name, value in chosen.items() if standard[name] != value} == {
        "AllowedNetworks": "10.20.0.0/16,fd00:20::/32",
        "AlarmAddress": "ops@contoso.example",
        "MailboxConcurrency": 40,
        "PublishEvents": "true",
    }


def test_the_networks_that_a_stage_allows_are_reached_by_profiles_that_say_so_and_by_no_other(
    everything: Synthesized,
) -> None:
    _, function = everything.function("route_mailbox")
    defaults = {f"${{{name}}}": str(one.get("Default", "")) for name, one in everything.whole["Parameters"].items()}
    values = {name: text_of(value) for name, value in function["Environment"]["Variables"].items()}
    environment = Environment.from_mapping({name: defaults.get(value, value) for name, value in values.items()})
    inward = Profile(name="in", direction=Direction.INCOMING, server="imap", network="private")
    outward = Profile(name="in", direction=Direction.INCOMING, server="imap")

    assert check_address("10.20.1.2", 993, narrow(environment.reach, inward)) == ["10.20.1.2"]
    assert check_address("fd00:20::1", 993, narrow(environment.reach, inward)) == ["fd00:20::1"]
    for address, profile in (("10.20.1.2", outward), ("10.21.1.2", inward), ("169.254.169.254", inward)):
        with pytest.raises(MailboxBlocked, match="may not connect"):
            check_address(address, 993, narrow(environment.reach, profile))


def test_a_stage_sizes_its_functions(everything: Synthesized) -> None:
    _, route = everything.function("route_mailbox")
    _, send = everything.function("send_email")

    assert (route["MemorySize"], route["ReservedConcurrentExecutions"]) == (1769, 60)
    assert send["MemorySize"] == functions()["send_email"]["MemorySize"]
    assert "ReservedConcurrentExecutions" not in send
    assert {one["RetentionInDays"] for one in everything.of("AWS::Logs::LogGroup").values()} == {90}


def test_x_ray_is_on_where_the_stage_says_so_and_nowhere_else(everything: Synthesized) -> None:
    _, route = everything.function("route_mailbox")
    traced = {name for name in functions() if "xray:PutTraceSegments" in everything.actions(name)}

    assert route["TracingConfig"] == {"Mode": "Active"}
    assert traced == {"route_mailbox"}
    assert [name for name, one in functions().items() if "TracingConfig" in one] == []


def alias_of(stage: Synthesized, name: str) -> tuple[str, dict[str, Any]]:
    """Logical id and properties of the alias through which a function is started."""
    logical_id, _ = stage.function(name)
    found = stage.of("AWS::Lambda::Alias").items()
    (pair,) = (pair for pair in found if pair[1]["FunctionName"] == {"Ref": logical_id})
    return pair


def test_a_function_with_snap_start_is_posted_to_through_its_version(everything: Synthesized) -> None:
    _, function = everything.function("receive_notification")
    _, alias = alias_of(everything, "receive_notification")
    (url,) = everything.of("AWS::Lambda::Url").values()

    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert url["Qualifier"] == alias["Name"] == "live"
    assert "ProvisionedConcurrencyConfig" not in alias


def test_a_function_with_processes_that_stand_ready_is_started_through_its_version(everything: Synthesized) -> None:
    name, alias = alias_of(everything, "collect_outgoing")
    _, nudger = everything.function("receive_notification")
    ticks = [rule["Targets"][0]["Arn"] for rule in everything.of("AWS::Events::Rule").values()]

    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 1}
    assert {"Ref": name} in ticks
    assert nudger["Environment"]["Variables"]["COLLECT_OUTGOING_FUNCTION"] == {"Ref": name}
    assert everything.actions("receive_notification")["lambda:InvokeFunction"] == {f"${{{name}}}"}


def test_no_function_of_the_default_stage_pays_to_start_fast(synthesized: Mapping[str, str]) -> None:
    default = Synthesized(synthesized["default"])

    assert default.of("AWS::Lambda::Alias") == default.of("AWS::Lambda::Version") == {}
    assert [one for one in functions().values() if {"SnapStart", "ReservedConcurrentExecutions"} & one.keys()] == []


def test_a_stage_sets_the_schedules_that_are_its_to_set(everything: Synthesized) -> None:
    rules = everything.of("AWS::Events::Rule").values()

    assert sorted(rule["ScheduleExpression"] for rule in rules if "ScheduleExpression" in rule) == [
        *("rate(1 minute)", "rate(2 minutes)", "rate(30 minutes)")
    ]


def test_a_stage_says_how_long_work_may_wait(everything: Synthesized) -> None:
    alarms = everything.of("AWS::CloudWatch::Alarm").values()
    waiting = {one["Threshold"] for one in alarms if one.get("MetricName") == "ApproximateAgeOfOldestMessage"}
    late = {one["Threshold"] for one in alarms if one.get("MetricName") == "IteratorAge"}

    assert waiting == {12 * 60, 90 * 60}
    assert late == {120 * 60 * 1000}


def test_a_stage_in_a_network_puts_those_functions_there_that_speak_to_servers(everything: Synthesized) -> None:
    within = {name for name in functions() if "VpcConfig" in everything.function(name)[1]}

    assert within == CONNECT
    assert {name for name in functions() if "ec2:CreateNetworkInterface" in everything.actions(name)} == CONNECT
    assert [name for name, one in functions().items() if "VpcConfig" in one] == []


def test_in_an_existing_network_they_stand_where_the_stage_says(synthesized: Mapping[str, str]) -> None:
    assert json.loads(synthesized["inside"]) == {
        "SubnetIds": ["subnet-0a", "subnet-0b"],
        "SecurityGroupIds": ["sg-0c"],
    }


def test_a_network_of_the_stack_s_own_has_two_zones_ways_out_and_no_way_in(everything: Synthesized) -> None:
    _, route = everything.function("route_mailbox")
    (group,) = everything.of("AWS::EC2::SecurityGroup").values()
    endpoints = everything.of("AWS::EC2::VPCEndpoint").values()

    assert len(route["VpcConfig"]["SubnetIds"]) == len(everything.of("AWS::EC2::NatGateway")) == 2
    assert len(route["VpcConfig"]["SecurityGroupIds"]) == 1
    assert "SecurityGroupIngress" not in group
    assert everything.of("AWS::EC2::SecurityGroupIngress") == {}
    assert {one["VpcEndpointType"] for one in endpoints} == {"Gateway"}
    assert len(endpoints) == 2


def test_a_network_without_a_way_to_the_internet_reaches_what_the_functions_ask_of_aws(
    synthesized: Mapping[str, str],
) -> None:
    alone = Synthesized(synthesized["alone"])
    endpoints = [text_of(one["ServiceName"]).rpartition(".")[2] for one in alone.of("AWS::EC2::VPCEndpoint").values()]

    assert sorted(endpoints) == ["dynamodb", "kms", "s3", "secretsmanager", "sqs"]
    assert alone.of("AWS::EC2::NatGateway") == alone.of("AWS::EC2::InternetGateway") == {}


def test_a_stage_verifies_whom_it_sends_as_and_sends_as_no_other(everything: Synthesized) -> None:
    made = everything.of("AWS::SES::EmailIdentity")
    account = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
    (configuration_set,) = everything.of("AWS::SES::ConfigurationSet")

    assert {one["EmailIdentity"] for one in made.values()} == {"contoso.example", "office@fabrikam.example"}
    assert {everything.whole["Resources"][name]["DeletionPolicy"] for name in made} == {"Retain"}
    assert everything.actions("send_email")["ses:SendRawEmail"] == {
        f"{account}:identity/contoso.example",
        f"{account}:identity/office@fabrikam.example",
        f"{account}:configuration-set/${{{configuration_set}}}",
    }
    records = text_of(everything.whole["Outputs"]["DkimRecords1"]["Value"])
    assert records.count(" CNAME ") == 3
    assert "DkimRecords2" not in everything.whole["Outputs"]


def test_the_outputs_that_the_command_line_needs_are_the_same_in_every_stage(everything: Synthesized) -> None:
    assert template()["Outputs"].keys() - everything.whole["Outputs"].keys() == set()


def test_what_holds_data_has_the_same_logical_ids_in_every_stage(everything: Synthesized) -> None:
    """Another setting never replaces a table."""
    kinds = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue"}

    def kept(whole: dict[str, Any]) -> set[tuple[str, str]]:
        return {(one["Type"], key) for key, one in whole["Resources"].items() if one["Type"] in kinds}

    assert kept(everything.whole) == kept(template())
