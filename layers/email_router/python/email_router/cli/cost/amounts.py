"""Add up what a month takes of AWS: every piece of work as often as it is done, and what is there whether anything is done or not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields

from email_router.cli.cost.load import DAYS, Load, polls
from email_router.cli.cost.seconds import busy
from email_router.cli.cost.tables import Bill, Counts, Prices
from email_router.core.counters import COUNTERS, GAUGES

GIGABYTE = 1024**3
_SHARDS = 16
_READ_UNIT = 4096

Assumed = Mapping[str, float]


def times(load: Load, counts: Counts, assumed: Assumed) -> dict[str, float]:
    """Return how often each piece of work is done in a month, by its name among the counts.

    Every message counts as if it had a pass of its own: where several come with one poll they cost less.
    """
    minutes, polled = assumed["hours_in_a_month"] * 60, polls(load)
    renewals = minutes / counts.standing["minutes_between_renewals"]
    wanted = load.messages * load.wanted
    return {
        "schedule tick": minutes,
        "gauges told": minutes / counts.standing["minutes_between_gauges"] * load.organisations,
        "collect tick": minutes * load.organisations,
        "renewal tick": renewals,
        "mailbox queued": load.mailboxes * (polled.idle + polled.busy) * DAYS,
        f"idle poll, {load.source}": load.mailboxes * polled.idle * DAYS,
        f"message, {load.source}": wanted,
        f"message not wanted, {load.source}": load.messages - wanted,
        "attachment": wanted * load.attachments,
        "daily comparison": load.mailboxes * DAYS,
        "message compared": load.mailboxes * DAYS * load.in_mailbox,
        "notification": load.messages if load.push else 0.0,
        "subscription looked at": load.mailboxes * renewals if load.push else 0.0,
        "subscription renewed": load.mailboxes * _renewed(minutes, counts) if load.push else 0.0,
        f"e-mail sent, {load.sender}": load.sent,
        "delivery event": 2 * load.sent if load.sender == "ses" else 0.0,
        "event published": wanted + load.sent if load.publish_events else 0.0,
    }


def amounts(load: Load, counts: Counts, prices: Prices) -> dict[str, float]:
    """Return how much of everything that has a price the month takes, by the price's name."""
    assumed = prices.assumed
    done = times(load, counts, assumed)
    seconds = assumed["hours_in_a_month"] * 3600
    worked = total((counts.work[name], often) for name, often in done.items())
    at_work = busy(load, done, counts, prices)
    processes = {one: max(1, math.ceil(at_work[one] / seconds)) for one in worked.invocations}
    again = seconds / assumed["seconds_until_settings_are_read_again"]
    read = ((counts.settings[one], min(count * again, worked.invocations[one])) for one, count in processes.items())
    whole = total([(worked, 1.0), *read])
    return {
        **_lambda(worked, processes, at_work, counts, assumed),
        **_kept(load, whole, counts, assumed),
        "sqs_request": whole.sqs_requests + _long_polls(counts, seconds, assumed),
        "dynamodb_write": whole.write_units,
        "dynamodb_read": whole.read_units + done["schedule tick"] * _schedule_reads(load, counts),
        "s3_write": whole.s3_writes,
        "s3_read": whole.s3_reads,
        "kms_request": _key_uses(processes, counts, seconds, assumed) + whole.secret_requests,
        "secret_request": whole.secret_requests,
        "rule": 2 * done["schedule tick"] + done["renewal tick"] + done["delivery event"],
        "event": whole.events,
        "ses_message": whole.ses_messages,
        "sns_email": assumed["alarms_told"],
        "transfer": _bytes_out(load, done, assumed) / GIGABYTE,
    }


def total(bills: Iterable[tuple[Bill, float]]) -> Bill:
    """Return the sum of bills, each so often."""
    sums: dict[str, float] = defaultdict(float)
    invocations: dict[str, float] = defaultdict(float)
    for bill, often in bills:
        for function, count in bill.invocations.items():
            invocations[function] += count * often
        for one in fields(bill):
            if one.name != "invocations":
                sums[one.name] += getattr(bill, one.name) * often
    return Bill(invocations=dict(invocations), **sums)


def _renewed(minutes: float, counts: Counts) -> float:
    """How often one subscription is renewed in a month: when half of its lifetime has passed."""
    return minutes / (counts.standing["minutes_of_a_subscription"] / 2)


def _lambda(
    worked: Bill, processes: Mapping[str, int], at_work: Mapping[str, float], counts: Counts, assumed: Assumed
) -> dict[str, float]:
    """Return invocations and GB-seconds; every start of a process is billed as long as it takes to load."""
    seconds = 0.0
    for one, count in processes.items():
        begun = _starts(worked.invocations[one], count, assumed)
        seconds += counts.memory[one] / 1024 * (at_work[one] + begun * assumed["seconds_init"])
    return {"lambda_request": sum(worked.invocations.values()), "lambda_gb_second": seconds}


def _starts(invocations: float, processes: int, assumed: Assumed) -> float:
    """Return how often a process is started: those that are kept busy are replaced now and then, those that wait too long are given up."""
    hours = assumed["hours_in_a_month"]
    waiting = assumed["seconds_until_a_process_is_given_up"] * invocations / (hours * 3600)
    return min(invocations, invocations * math.exp(-waiting) + processes * hours / assumed["hours_of_a_process"])


def _kept(load: Load, whole: Bill, counts: Counts, assumed: Assumed) -> dict[str, float]:
    """Return what lies there: rows, blobs, logs, and what the stack has of keys, secrets, metrics, alarms and dashboards."""
    expiring = min(whole.expiring_byte_days / DAYS, whole.expiring_bytes * load.months_kept)
    rows = (whole.kept_bytes * load.months_kept + expiring) / GIGABYTE
    logs = whole.log_bytes + sum(whole.invocations.values()) * assumed["log_bytes_of_an_invocation"]
    profiles = load.organisations * assumed["profiles_of_an_organisation"]
    return {
        "dynamodb_storage": rows,
        "dynamodb_recovery": rows,
        "s3_storage": whole.blob_bytes * load.months_kept / GIGABYTE,
        "logs_taken_in": logs / GIGABYTE,
        "logs_kept": logs / GIGABYTE,
        "kms_key": counts.standing["keys"],
        "secret": counts.standing["secrets"] + profiles,
        "metric": (len(COUNTERS) + len(GAUGES)) * load.organisations,
        "alarm": counts.standing["alarms"],
        "dashboard": counts.standing["dashboards"],
    }


def _schedule_reads(load: Load, counts: Counts) -> float:
    """Return the read units of the scheduler's index in one tick, beyond those of an empty one: half a unit for each 4 KB of a shard."""
    rows = load.mailboxes / _SHARDS * counts.standing["bytes_of_a_scheduled_mailbox"]
    return _SHARDS * max(0.0, math.ceil(rows / _READ_UNIT) - 1) / 2


def _long_polls(counts: Counts, seconds: float, assumed: Assumed) -> float:
    """Return how often Lambda asks the queues for orders (Lambda Developer Guide: five pollers that wait 20 seconds each)."""
    return counts.standing["queues"] * assumed["pollers_of_a_queue"] * seconds / assumed["seconds_of_a_long_poll"]


def _key_uses(processes: Mapping[str, int], counts: Counts, seconds: float, assumed: Assumed) -> float:
    """Return how often the services use our key: they keep what it opens for five minutes (SQS Developer Guide, "Estimating AWS KMS costs":
    two for each that sends and one for each that receives; DynamoDB Developer Guide, "Table key caching": one for each table and role).
    The bucket's own key stands for the key in S3 ("Bucket Keys"): counted as one an hour for each role.
    """
    periods = seconds / assumed["seconds_until_settings_are_read_again"]
    of_queues = counts.standing["queues"] * (2 * 2 + 1) * periods
    return of_queues + len(processes) * (2 * periods + seconds / 3600)


def _bytes_out(load: Load, done: Mapping[str, float], assumed: Assumed) -> float:
    """Return what goes out to mail servers: a little with each poll, and the e-mails; SES takes its own inside AWS."""
    polled = (done[f"idle poll, {load.source}"] + load.messages) * assumed["bytes_out_of_a_poll"]
    return polled + (0.0 if load.sender == "ses" else load.sent * assumed["bytes_out_of_a_mail"])
