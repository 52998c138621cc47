"""The 21 MSCRMEmail counters by their CloudWatch names, and our own (docs/counters.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

INCOMING_DELIVERED = "IncomingMessagesDelivered"
INCOMING_DISCARDED = "IncomingMessagesDiscarded"
INCOMING_CORRUPTED = "IncomingMessagesPotentiallyCorrupted"
INCOMING_PROCESSED = "IncomingMessagesProcessed"
INCOMING_PROCESSED_PER_SECOND = "IncomingMessagesProcessedPerSecond"
INCOMING_UNDELIVERED = "IncomingMessagesUndelivered"
MAILBOX_ACCESS_ATTEMPTS = "IncomingMailboxAccessAttempts"
MAILBOX_ACCESS_FAILURES = "IncomingMailboxAccessAttemptFailures"
OUTGOING_DELIVERED = "OutgoingMessagesDelivered"
OUTGOING_PROCESSED = "OutgoingMessagesProcessed"
OUTGOING_PROCESSED_PER_SECOND = "OutgoingMessagesProcessedPerSecond"
OUTGOING_UNDELIVERED = "OutgoingMessagesUndelivered"
CONFIGURATION_REFRESHES = "ServiceConfigurationRefreshes"
SCHEDULING_CYCLES = "ServiceConfigurationSchedulingCycles"
PROVIDER_LOAD_FAILURES = "ServiceProviderLoadFailures"
PROVIDERS_ABORTED = "ServiceProvidersAborted"
PROVIDERS_EXECUTED = "ServiceProvidersExecuted"
PROVIDERS_FAILED = "ServiceProvidersFailed"
PROVIDERS_REFRESHED = "ServiceProvidersRefreshed"
PROVIDERS_REMOVED = "ServiceProvidersRemoved"
PROVIDERS_STARTED = "ServiceProvidersStarted"

COUNTERS: tuple[str, ...] = (
    INCOMING_DELIVERED,
    INCOMING_DISCARDED,
    INCOMING_CORRUPTED,
    INCOMING_PROCESSED,
    INCOMING_PROCESSED_PER_SECOND,
    INCOMING_UNDELIVERED,
    MAILBOX_ACCESS_ATTEMPTS,
    MAILBOX_ACCESS_FAILURES,
    OUTGOING_DELIVERED,
    OUTGOING_PROCESSED,
    OUTGOING_PROCESSED_PER_SECOND,
    OUTGOING_UNDELIVERED,
    CONFIGURATION_REFRESHES,
    SCHEDULING_CYCLES,
    PROVIDER_LOAD_FAILURES,
    PROVIDERS_ABORTED,
    PROVIDERS_EXECUTED,
    PROVIDERS_FAILED,
    PROVIDERS_REFRESHED,
    PROVIDERS_REMOVED,
    PROVIDERS_STARTED,
)

RATES: Mapping[str, str] = {
    INCOMING_PROCESSED_PER_SECOND: INCOMING_PROCESSED,
    OUTGOING_PROCESSED_PER_SECOND: OUTGOING_PROCESSED,
}
"""The counters that are speeds, and what each is the speed of: never added up, the highest is what counts."""

FAILING_MAILBOXES = "FailingMailboxes"
FAILING_PERCENT = "FailingMailboxesPercent"
OPEN_CIRCUITS = "OpenCircuits"
UNDELIVERABLE_MESSAGES = "UndeliverableMessages"
OLDEST_UNDELIVERED = "OldestUndeliveredSeconds"
UNKNOWN_RESULTS = "UnknownResults"
SECRET_DAYS_LEFT = "SecretDaysLeft"  # noqa: S105 - the name of a metric

GAUGES: tuple[str, ...] = (
    FAILING_MAILBOXES,
    FAILING_PERCENT,
    OPEN_CIRCUITS,
    UNDELIVERABLE_MESSAGES,
    OLDEST_UNDELIVERED,
    UNKNOWN_RESULTS,
    SECRET_DAYS_LEFT,
)
"""What stands, told every five minutes; the last only where a profile's credentials have a day on which they end."""


def rates(counts: Mapping[str, int], seconds: float) -> Mapping[str, float]:
    """Return the speeds (a second) at which what was counted in `seconds` was done; nothing done has no speed."""
    if seconds <= 0:
        return {}
    return {rate: counts[name] / seconds for rate, name in RATES.items() if counts.get(name)}


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Add up counters of two times or places; of speeds the higher one stays."""
    total = Counter(one) + Counter(other)
    return {**total, **{name: max(one.get(name, 0), other.get(name, 0)) for name in RATES if name in total}}
