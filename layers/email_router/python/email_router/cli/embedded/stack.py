"""Name and call what the stack made: functions, queues, tables, buckets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from email_router.cli.embedded.endpoint import Endpoint
from email_router.cli.embedded.trouble import EmbeddedCloudError


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A stack that stands: physical names by kind, and the few calls that the command line needs.

    Functions are called by their folder's name (`send_email`), whatever CloudFormation named them.
    """

    name: str
    endpoint: Endpoint
    outputs: Mapping[str, str]
    resources: Mapping[str, tuple[str, str]]
    functions: Mapping[str, str]
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's classes are made at run time
        """A boto3 client, made once."""
        if service not in self._clients:
            self._clients[service] = self.endpoint.client(service)
        return self._clients[service]

    def names(self, kind: str) -> tuple[str, ...]:
        """Physical names (queues: URLs) of all resources of a CloudFormation type, in the order of their logical ids."""
        return tuple(physical for _, (found, physical) in sorted(self.resources.items()) if found == kind)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the DynamoDB tables."""
        return self.names("AWS::DynamoDB::Table")

    @property
    def queues(self) -> tuple[str, ...]:
        """URLs of all queues, dead-letter queues included."""
        return self.names("AWS::SQS::Queue")

    @property
    def dead_letter_queues(self) -> frozenset[str]:
        """URLs of the queues that no function takes from: they hold what queues, rules and functions gave up."""
        if "dead" not in self._clients:
            worked = {mapping["EventSourceArn"].rpartition(":")[2] for mapping in self._event_sources()}
            self._clients["dead"] = frozenset(url for url in self.queues if url.rpartition("/")[2] not in worked)
        return cast("frozenset[str]", self._clients["dead"])

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of the S3 buckets."""
        return self.names("AWS::S3::Bucket")

    def table(self, part: str) -> str:
        """The one table whose logical id contains `part` (case and hyphens ignored); `bucket` and `queue` likewise."""
        return self._only("AWS::DynamoDB::Table", part)

    def bucket(self, part: str = "") -> str:
        """The one bucket."""
        return self._only("AWS::S3::Bucket", part)

    def queue(self, part: str) -> str:
        """The URL of the one queue."""
        return self._only("AWS::SQS::Queue", part)

    def function(self, name: str) -> str:
        """The physical name of a function, by its folder's name."""
        if name not in self.functions:
            raise EmbeddedCloudError(f"the stack has no function {name}; it has {', '.join(sorted(self.functions))}")
        return self.functions[name]

    def invoke(self, name: str, payload: object) -> Any:  # noqa: ANN401 - a function answers any JSON
        """Call a function, wait, and return its answer.  A function that fails raises, with the end of its log."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function(name), Payload=json.dumps(payload).encode(), LogType="Tail"
        )
        body = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").strip()
            raise EmbeddedCloudError(f"the function {name} failed: {body.get('errorMessage', body)}\n{log[-2000:]}")
        return body

    def set_environment(self, name: str, variables: Mapping[str, str]) -> None:
        """Add variables to a function's environment; its next call starts a new process that has them."""
        functions = self.client("lambda")
        standing = functions.get_function_configuration(FunctionName=self.function(name)).get("Environment", {})
        functions.update_function_configuration(
            FunctionName=self.function(name), Environment={"Variables": {**standing.get("Variables", {}), **variables}}
        )

    def set_environment_of_all(self, variables: Mapping[str, str]) -> None:
        """Add variables to every function's environment."""
        for name in self.functions:
            self.set_environment(name, variables)

    def limit_parallel(self, at_once: int) -> None:
        """Let each queue start at most `at_once` calls at a time (2 or more): each is a process here, and AWS's figures are for AWS."""
        for mapping in self._event_sources():
            if ":sqs:" in mapping["EventSourceArn"]:
                limit = {"MaximumConcurrency": max(2, at_once)}
                self.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=limit)

    def set_visibility(self, seconds: int) -> None:
        """Bring back the message of a function that died after so many seconds, instead of the half hour that AWS wants.

        A call that takes longer has its message given to a second call, and no longer counts as in work.
        """
        for url in set(self.queues) - self.dead_letter_queues:
            self.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    def stop_queues(self) -> None:
        """Let no queue or stream start another call; what runs goes on."""
        for mapping in self._event_sources():
            self.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def _event_sources(self) -> list[dict[str, Any]]:
        pages = self.client("lambda").get_paginator("list_event_source_mappings").paginate()
        return [mapping for page in pages for mapping in page["EventSourceMappings"]]

    def _only(self, kind: str, part: str) -> str:
        sought = part.lower().replace("-", "").replace("_", "")
        found = [
            physical
            for logical, (of_kind, physical) in sorted(self.resources.items())
            if of_kind == kind and sought in logical.lower()
        ]
        if len(found) != 1:
            raise EmbeddedCloudError(f"the stack has {len(found)} of {kind} named like {part!r}: {', '.join(found)}")
        return found[0]
