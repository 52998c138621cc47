"""Say in IAM's words what a call needs: pairs of action and resource, resources as the template names them.

Sources: Service Authorization Reference (which action an operation takes); DynamoDB Developer Guide, "Using IAM with DynamoDB transactions"
(a transaction takes the actions of its items); SQS and S3 references (SendMessageBatch takes sqs:SendMessage, the parts of an upload take
s3:PutObject, GetObject of a key that is not there takes s3:ListBucket, else it is AccessDenied); SES, "Actions defined by Amazon SES v2"
(SendEmail with raw content takes ses:SendRawEmail, too).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tests.infra.template import functions, listed, resources, statements, text_of
from tests.roads.defaults import as_default
from tests.roads.recorder import Call

Need = tuple[str, str]

SECRETS = (
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:email-router/${AWS::StackName}/*"
)
ACCOUNT = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_OF_UPLOADS = frozenset({"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"})
_KEY_USES = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
"""What DynamoDB does with a table's key in the name of whoever asks for its items; the other services do a part of it."""


def needs(call: Call, names: Mapping[str, str]) -> Iterator[Need]:
    """Yield what the call needs; `names` has the physical name of each logical one."""
    logical = {physical: name for name, physical in names.items() if physical}
    yield from _BY_SERVICE[call.service](call, logical)


def used(calls: Iterable[Call], names: Mapping[str, str]) -> set[Need]:
    """Return all that these calls need."""
    return {need for call in calls for need in needs(call, names)}


def on_behalf(function: str) -> set[Need]:
    """Return what Lambda and the key do in a function's name, as its event sources, its log and its dead letters tell.

    Lambda Developer Guide: "Creating and configuring an Amazon SQS event source mapping" (AWSLambdaSQSQueueExecutionRole), "Process DynamoDB
    records" (AWSLambdaDynamoDBExecutionRole), "Dead-letter queues", "Sending Lambda function logs to CloudWatch Logs".
    """
    properties = functions()[function]
    log = properties["LoggingConfig"]["LogGroup"]["Ref"]
    found = {(f"logs:{action}", f"${{{log}.Arn}}") for action in ("CreateLogStream", "PutLogEvents")}
    found |= {(f"kms:{use}", "${DataKey.Arn}") for use in _KEY_USES}
    if dead := properties.get("DeadLetterConfig"):
        found.add(("sqs:SendMessage", text_of(as_default(dead["TargetArn"]))))
    for mapping in _sources(function):
        found |= set(_read(text_of(as_default(mapping["EventSourceArn"]))))
        if failed := mapping.get("DestinationConfig", {}).get("OnFailure"):
            found.add(("sqs:SendMessage", text_of(failed["Destination"])))
    return found


def granted(function: str) -> set[Need]:
    """Return what the function's role allows; what it may do with the key by itself, through no other service, is called "directly"."""
    return {
        (f"{action} directly" if _by_itself(statement, action) else action, text_of(as_default(resource)))
        for statement in statements(function)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def encrypting(needed: Iterable[Need]) -> set[str]:
    """Return the services among these that hold what they hold under our key."""
    return {action.partition(":")[0] for action, _ in needed} & {"dynamodb", "s3", "secretsmanager", "sqs"}


def _by_itself(statement: Mapping[str, Any], action: str) -> bool:
    return action.startswith("kms:") and "kms:ViaService" not in statement["Condition"].get("StringEquals", {})


def _sources(function: str) -> Iterator[dict[str, Any]]:
    own = next(name for name, one in resources("AWS::Lambda::Function").items() if one is functions()[function])
    for mapping in resources("AWS::Lambda::EventSourceMapping").values():
        if mapping["FunctionName"] == {"Ref": own}:
            yield mapping


def _read(source: str) -> Iterator[Need]:
    if source.endswith(".StreamArn}"):
        table = source.removesuffix(".StreamArn}") + ".Arn}/stream/*"
        yield from (
            (f"dynamodb:{action}", table)
            for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        )
        return
    yield from ((f"sqs:{action}", source) for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage"))


def _of_dynamodb(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    told = call.parameters
    if call.operation == "TransactWriteItems":
        for action in told["TransactItems"]:
            ((kind, what),) = action.items()
            yield f"dynamodb:{_TRANSACTED[kind]}", f"${{{logical[what['TableName']]}.Arn}}"
    elif call.operation == "BatchGetItem":
        for table in told["RequestItems"]:
            yield "dynamodb:BatchGetItem", f"${{{logical[table]}.Arn}}"
    else:
        index = f"/index/{told['IndexName']}" if "IndexName" in told else ""
        yield f"dynamodb:{call.operation}", f"${{{logical[told['TableName']]}.Arn}}{index}"


def _of_s3(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    bucket = f"${{{logical[call.parameters['Bucket']]}.Arn}}"
    yield f"s3:{'PutObject' if call.operation in _OF_UPLOADS else call.operation}", f"{bucket}/*"
    if call.code == "NoSuchKey":
        yield "s3:ListBucket", bucket


def _of_sqs(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    yield f"sqs:{call.operation.removesuffix('Batch')}", f"${{{logical[call.parameters['QueueUrl']]}.Arn}}"


def _of_secrets(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    secret = call.parameters["SecretId"]
    ours = secret.startswith("email-router/")
    yield f"secretsmanager:{call.operation}", SECRETS if ours else f"${{{logical[secret]}}}"


def _of_ses(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    if call.operation != "SendEmail":
        yield f"ses:{call.operation}", "*"
        return
    chosen = f"{ACCOUNT}:configuration-set/${{{logical[call.parameters['ConfigurationSetName']]}}}"
    for action in ("SendEmail", "SendRawEmail" if "Raw" in call.parameters["Content"] else "SendEmail"):
        yield from ((f"ses:{action}", resource) for resource in (f"{ACCOUNT}:identity/*", chosen))


def _of_lambda(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    action = {"Invoke": "InvokeFunction"}[call.operation]
    yield f"lambda:{action}", f"${{{logical[call.parameters['FunctionName']]}}}"


def _of_events(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    for entry in call.parameters["Entries"]:
        yield f"events:{call.operation}", f"${{{logical[entry['EventBusName']]}.Arn}}"


def _of_kms(call: Call, logical: Mapping[str, str]) -> Iterator[Need]:
    """Take the only key there is: a decryption names none, its ciphertext does."""
    del logical
    yield f"kms:{call.operation} directly", "${DataKey.Arn}"


_BY_SERVICE: Mapping[str, Callable[[Call, Mapping[str, str]], Iterator[Need]]] = {
    "dynamodb": _of_dynamodb,
    "s3": _of_s3,
    "sqs": _of_sqs,
    "secretsmanager": _of_secrets,
    "sesv2": _of_ses,
    "lambda": _of_lambda,
    "events": _of_events,
    "kms": _of_kms,
}
