"""What SES publishes to an SNS topic, beside the event bus: feedback of identities, or events of another configuration set.

The topic is the operator's, with whatever else is subscribed to it; where none is named nothing is made.  A function's subscription needs no
confirmation, unlike an address on the web (Amazon SNS developer guide, "Subscribing a Lambda function to a topic").
"""

from __future__ import annotations

from aws_cdk import CfnCondition, Fn
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct


class DeliveryTopic(Construct):
    """The topic's subscription, and the right of this one topic to start the function."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: str, function: lambda_.IFunction) -> None:
        super().__init__(scope, construct_id)
        named = CfnCondition(self, "named", expression=Fn.condition_not(Fn.condition_equals(topic, "")))
        allowed = lambda_.CfnPermission(
            self,
            "may-start",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="sns.amazonaws.com",
            source_arn=topic,
        )
        subscribed = sns.CfnSubscription(
            self, "subscribed", protocol="lambda", topic_arn=topic, endpoint=function.function_arn
        )
        subscribed.add_resource_dependency(allowed)  # what is published before it may start the function is lost
        allowed.cfn_options.condition = subscribed.cfn_options.condition = named
