"""Which tables the functions use: the stack's own, or those that an operator names in their place after a point-in-time recovery.

DynamoDB restores into a new table and never into the one that stands.  So the name is a parameter: while it is empty nothing differs, and
with a name the functions' settings and permissions lead there.  The stack's own table stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws, CfnCondition, Fn, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

TABLE = r"^([A-Za-z0-9_.-]{3,255})?$"
STREAM = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+)?$"
"""A stream's label, which is the moment that it was switched on (DynamoDB API reference, LatestStreamLabel)."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the operator names: a table, and the label of its stream; both empty where the stack's own is used."""

    table: str
    stream: str


class TableInUse(Construct):
    """One table as functions know it.  `own` is the stack's; `streams` holds where the stream of the table in use is known."""

    def __init__(self, scope: Construct, construct_id: str, own: dynamodb.Table, named: Named, own_stream: str) -> None:
        super().__init__(scope, construct_id)
        self.own = own
        given = Fn.condition_not(Fn.condition_equals(named.table, ""))
        self._given = CfnCondition(self, "given", expression=given)
        self.streams = Fn.condition_or(
            Fn.condition_equals(named.table, ""), Fn.condition_not(Fn.condition_equals(named.stream, ""))
        )
        arn = Stack.of(self).format_arn(service="dynamodb", resource="table", resource_name=named.table)
        self.table_name = self._chosen(named.table, own.table_name)
        self.table_arn = self._chosen(arn, own.table_arn)
        self.stream_arn = self._chosen(f"{arn}/stream/{named.stream}", own_stream)
        # Of the stack's own table any stream, for each time it is switched on it has another name; of a named one that which is named.
        self.stream_resources = (
            f"{own.table_arn}/stream/*",
            self._chosen(f"{arn}/stream/{named.stream}", Aws.NO_VALUE),
        )

    def _chosen(self, named: str, own: str) -> str:
        chosen: str = Token.as_string(Fn.condition_if(self._given.logical_id, named, own))
        return chosen
