"""The metrics that the database has: their names, what they say, and their labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from iocash.metrics.text import Family


def gauge(name: str, words: str, *labels: str) -> Family:
    return Family(f"iocash_{name}", "gauge", words, labels)


def counter(name: str, words: str, *labels: str) -> Family:
    return Family(f"iocash_{name}", "counter", words, labels)


UP: Final = gauge("database_up", "1: the database has answered this scrape. 0: it has not.")
ANCHOR: Final = gauge("anchor_age_seconds", "Age of the newest anchor in ANCHORS_DIR.")
ANCHORS: Final = gauge("anchor_is_there", "1: ANCHORS_DIR has a full anchor. 0: it has none.")
FULL_ANCHOR: Final = gauge("anchor_full_age_seconds", "Age of the newest full anchor.")
FOLDER_FREE: Final = gauge(
    "folder_free_bytes", "Room on the disk of a folder of this server.", "folder"
)
FOLDER_SIZE: Final = gauge(
    "folder_disk_bytes", "Size of the disk of a folder of this server.", "folder"
)
WAITING: Final = {
    "webhook_streams_behind": "Streams of webhook endpoints with events that were not sent.",
    "webhook_deliveries_waiting": "Places where a stream of webhooks has stopped.",
    "webhook_deliveries_failed": "Webhooks that are not tried again.",
    "schedules_overdue": "Scheduled operations whose run is due and was not made.",
    "holds_overdue": "Holds that have expired, and whose money the worker has not released.",
    "bank_lines_in_suspense": "Lines of bank statements that nothing explains yet.",
    "approvals_waiting": "Actions that wait for the approval of a second person.",
    "bank_decisions_waiting": "Decisions about bank lines that wait for a second person.",
    "otp_waiting": "One-time passwords that were not delivered yet.",
    "otp_retried": "One-time passwords whose delivery has failed, and is tried again.",
}
"""Counted up to 10,000; the age of the oldest follows by itself."""


def waiting() -> Iterator[Family]:
    for name, words in WAITING.items():
        yield gauge(name, f"{words} Counted up to 10000.")
        yield gauge(f"{name}_oldest_seconds", f"How long the oldest has waited. {words}")


FAMILIES: Final = (
    UP,
    gauge("database_clock_seconds", "The clock of the database's machine, as Unix time."),
    gauge("clock_difference_seconds", "How far the database's clock is ahead of this server's."),
    gauge("outbox_events", "Positions of events that are not released yet."),
    gauge("outbox_age_seconds", "Age of the oldest event that is committed and not released."),
    gauge(
        "outbox_held_back_seconds", "For how long, at least, a transaction has held events back."
    ),
    *waiting(),
    gauge("webhook_endpoints", "Webhook endpoints, by state, or by who disabled them.", "state"),
    gauge("webhook_endpoints_just_disabled", "Endpoints disabled for their receivers in 24 hours."),
    gauge("cash_outs", "Pending cash-outs, of the 5000 oldest and the 5000 newest.", "state"),
    gauge("cash_outs_oldest_seconds", "How long the oldest pending cash-out has waited.", "state"),
    gauge("audit_right", "1: the last audit has found nothing. 0: it has found something wrong."),
    gauge("audit_last_right_seconds", "Age of the last audit that has found nothing."),
    gauge("safeguarding_right", "1: the last safeguarding report is right. 0: money is missing."),
    gauge("safeguarding_report_seconds", "Age of the last safeguarding report."),
    gauge("safeguarding_last_wrong_seconds", "Age of the last safeguarding report that is wrong."),
    gauge("event_archive_failing", "1: the last run of archive_events has failed."),
    gauge("event_archive_last_right_seconds", "Time since archive_events has archived all."),
    ANCHORS,
    ANCHOR,
    FULL_ANCHOR,
    FOLDER_FREE,
    FOLDER_SIZE,
    gauge("oldest_transaction_seconds", "Age of the oldest transaction that the role can see."),
    gauge("replica_lag_seconds", "How far a replica is behind.", "replica"),
    gauge("duty_last_run_seconds", "Time since a duty of the worker last reported.", "duty"),
    gauge("duty_overdue_seconds", "For how long a period of a duty has been due.", "duty"),
    gauge("duty_failing", "1: the duty has failed the last time.", "duty"),
    counter("duty_done_total", "What a duty has done.", "duty"),
    counter("duty_failures_total", "Runs of a duty that failed.", "duty"),
    counter("duty_seconds_total", "Seconds that a duty has taken.", "duty"),
)
