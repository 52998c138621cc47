"""Write down each event that arrives, whatever sent it; an event {"fail": true} raises."""

import importlib.util
import json
import os
import uuid
from typing import Any

import boto3
import botocore

import email_router.core.errors

TABLE = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the place this module and its library were loaded from."""
    if event.get("fail"):
        raise ValueError("asked to fail")
    row = {"pk": "event", "sk": str(uuid.uuid4()), "event": json.dumps(event)}
    TABLE.put_item(TableName=os.environ["TABLE"], Item={key: {"S": value} for key, value in row.items()})
    command_line = importlib.util.find_spec("email_router.cli")
    return {
        "boto3": boto3.__file__,
        "version": boto3.__version__,
        "botocore": botocore.__version__,
        "layer": email_router.core.errors.__file__,
        "cli": command_line and command_line.origin,
    }
