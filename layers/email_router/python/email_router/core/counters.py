"""The 21 MSCRMEmail counters by their CloudWatch names, and our own (docs/counters.md)."""

from __future__ import annotations

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
