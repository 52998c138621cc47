"""Do what the body of each message says, and leave a row behind for every message done."""

import json
import os
import time
from typing import Any

import boto3

TABLE = boto3.client("dynamodb")
QUEUE = boto3.client("sqs")


def count(name: str, value: int) -> None:
    """Print a metric as Lambda functions do: one line in embedded metric format."""
    directive = {
        "Namespace": "EmailRouter",
        "Dimensions": [["organisation"]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": metadata, "organisation": "contoso", name: [value]}))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the messages that failed, as an SQS event source expects."""
    failed = [record["messageId"] for record in event["Records"] if not work(record)]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def work(record: dict[str, Any]) -> bool:
    """One message: sleep, die, fail, send a follow-up, or just count."""
    job = json.loads(record["body"])
    time.sleep(job.get("sleep", 0))
    if job.get("die"):
        os._exit(1)
    if job.get("fail"):
        return False
    if job.get("then"):
        QUEUE.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(job["then"]))
    for number in range(job.get("chatter", 0)):
        print("chatter", number)
    row = {
        "pk": job["id"],
        "sk": job.get("sort", "-"),
        "pid": str(os.getpid()),
        "at": str(time.time()),
        "note": os.environ.get("NOTE", ""),
    }
    TABLE.put_item(TableName=os.environ["TABLE"], Item={key: {"S": value} for key, value in row.items()})
    count("MessagesDone", 1)
    return True
