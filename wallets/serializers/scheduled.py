"""Answers about scheduled operations and their executions, and what bodies share with them."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from drf_spectacular.utils import extend_schema_field
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields
from iocash.http.links import LINKS, location
from users.serializers.users import UPDATED_AT
from wallets.models import ScheduledOperation, ScheduledRun
from wallets.serializers.shared import hrefs

ALIAS: Final = "Your name for the scheduled operation. Null: none."
CONCEPT: Final = "What each payment is for, as the statement shows it. Null: none."
AMOUNT: Final = "What each execution pays, in units of the wallet's currency."
START: Final = "The date of the first execution, from which all others are counted."
ACCOUNT: Final = (
    "WALLET: the id of a wallet of the same currency. EXTERNAL_BANK_ACCOUNT: an IBAN, or the id of "
    "an external account of the wallet."
)
VALUE: Final = (
    "The number of executions (at most 5,000), or the last possible date. Left out if the duration "
    "is INDEFINITE."
)
MISSED: Final = "What happens to executions that were missed while the server was down."
RETRY: Final = (
    "Until when, on the date of the execution, it is tried again every 15 minutes while funds are "
    "missing: a local time. Null: it is tried once."
)
ZONE: Final = (
    "The time zone of the dates, by its name in the IANA database. An execution is due at a fixed "
    "hour in it, 6:00 by default."
)
TARGET: Final = (
    "The available balance that the watched wallet should have, in units of the currency. Without "
    "an `amount`, an execution pays what separates it from the target."
)
WATCHED: Final = "The wallet whose balance is watched; by default the one that pays."
TRIGGER: Final = "The balance that causes an execution. Null: there are dates."
DATES: Final = "The dates of the executions. Null: there is a trigger."


@cache
def zones() -> Set[str]:
    """The names of all time zones; looking for them reads a folder."""
    return available_timezones()


class TimeZone(fields.Text):
    """The name of a time zone."""

    default_error_messages = {
        "invalid_choice": "Must be a time zone of the IANA database, like Europe/Madrid.",
    }
    example = "Europe/Madrid"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(64, **kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[A-Za-z0-9+/_-]{2,64}$"}

    def to_internal_value(self, data: Any) -> str:
        name: str = super().to_internal_value(data)
        if name not in zones():
            self.fail("invalid_choice")
        return name


class TimeOfDay(fields.Text):
    """A local time with hours and minutes."""

    default_error_messages = {"invalid": "Must be a time of day like 18:30."}
    example = "18:30"
    WRITTEN = "^([01][0-9]|2[0-3]):[0-5][0-9]$"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(5, **kwargs)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": self.WRITTEN}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not re.fullmatch(self.WRITTEN, data):
            self.fail("invalid")
        return data


class ReceiverAnswer(fields.Serializer):
    """Who is paid."""

    type = fields.Choice(ScheduledOperation.Receiver, read_only=True)
    account = fields.Text(
        36,
        read_only=True,
        allow_null=True,
        example=fields.Id.example,
        help_text=f"{ACCOUNT} Null after erasure.",
    )


class DurationAnswer(fields.Serializer):
    """When the executions end."""

    type = fields.Choice(ScheduledOperation.Duration, read_only=True)
    value = fields.Text(
        10, read_only=True, allow_null=True, example="12", help_text=f"{VALUE} Null: INDEFINITE."
    )


class ScheduleAnswer(fields.Serializer):
    """The dates of the executions."""

    start_date = fields.Day(read_only=True, help_text=START)
    frequency = fields.Choice(ScheduledOperation.Frequency, read_only=True)
    duration = DurationAnswer(read_only=True)
    time_zone = TimeZone(read_only=True, help_text=ZONE)
    missed_runs = fields.Choice(ScheduledOperation.MissedRuns, read_only=True)
    retry_until = TimeOfDay(read_only=True, allow_null=True, help_text=RETRY)


class TriggerAnswer(fields.Serializer):
    """The balance that causes an execution."""

    type = fields.Choice(ScheduledOperation.Trigger, source="trigger", read_only=True)
    target = fields.Money(source="threshold", example="50.00", help_text=TARGET)
    watched_wallet_id = fields.Id(source="watched_id", read_only=True, help_text=WATCHED)


class ScheduledOperationAnswer(fields.Serializer):
    """A payment that the server repeats: on dates, or when a balance asks for it."""

    id = fields.Id(read_only=True, help_text="The id of the scheduled operation.")
    wallet_id = fields.Id(read_only=True, help_text="The wallet that pays.")
    status = fields.Choice(ScheduledOperation.Status, read_only=True)
    alias = fields.Text(100, read_only=True, allow_null=True, example="Rent", help_text=ALIAS)
    concept = fields.Text(
        140, read_only=True, allow_null=True, example="Rent", help_text=f"{CONCEPT} Also erased."
    )
    amount = fields.Money(
        example="10.00", allow_null=True, help_text=f"{AMOUNT} Null: the difference to the target."
    )
    currency = fields.Currency(read_only=True)
    receiver = ReceiverAnswer(source="payee", read_only=True)
    schedule = ScheduleAnswer(source="dates", read_only=True, allow_null=True, help_text=DATES)
    trigger = TriggerAnswer(
        source="balance_trigger", read_only=True, allow_null=True, help_text=TRIGGER
    )
    next_execution = fields.Whole(
        1,
        2**31 - 1,
        source="next_number",
        read_only=True,
        example=1,
        help_text="The number of the next execution, from 1.",
    )
    next_execution_at = fields.Moment(
        source="next_at",
        read_only=True,
        allow_null=True,
        help_text="When the next execution is due, or is tried again; with a trigger, from when on "
        "it is possible. Null: there is none.",
    )
    created_at = fields.Moment(read_only=True, help_text="When it was created.")
    updated_at = fields.Moment(read_only=True, help_text=f"{UPDATED_AT} Executions count too.")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, schedule: ScheduledOperation) -> dict[str, Any]:
        request = self.context["request"]
        ids = {"wallet_id": schedule.wallet_id, "schedule_id": schedule.id}
        links = {
            "self": location(request, "scheduled-operation", **ids),
            "wallet": location(request, "wallet", wallet_id=schedule.wallet_id),
            "executions": location(request, "scheduled-executions", **ids),
        }
        if schedule.target_id:
            links["targetWallet"] = location(request, "wallet", wallet_id=schedule.target_id)
        return hrefs(links)


class ScheduledExecutionAnswer(fields.Serializer):
    """An execution of a scheduled operation: its movement, or the code of why there is none."""

    id = fields.Id(read_only=True, help_text="The id of the execution.")
    scheduled_operation_id = fields.Id(
        source="schedule_id", read_only=True, help_text="The scheduled operation."
    )
    wallet_id = fields.Id(read_only=True, help_text="The wallet that pays.")
    number = fields.Whole(
        1, 2**31 - 1, read_only=True, example=1, help_text="The number of the execution, from 1."
    )
    due_date = fields.Day(read_only=True, help_text="The date on which it was due.")
    status = fields.Choice(ScheduledRun.Status, source="standing", read_only=True)
    error_code = fields.Text(
        40,
        source="reason",
        read_only=True,
        allow_null=True,
        example="insufficient_funds",
        help_text="Why it failed or was skipped: the code of an error, or `cash_out_rejected`, "
        "`cash_out_cancelled`, `run_missed`, `scheduled_operation_paused` or `client_suspended`. "
        "Null: it did not.",
    )
    amount = fields.Money(example="10.00", help_text="What it pays, in units of `currency`.")
    currency = fields.Currency(read_only=True)
    movement_id = fields.Id(
        read_only=True, allow_null=True, help_text="The movement of the wallet. Null: none."
    )
    created_at = fields.Moment(read_only=True, help_text="When it was executed or skipped.")
    _links = SerializerMethodField(method_name="links")

    @extend_schema_field(LINKS)
    def links(self, run: ScheduledRun) -> dict[str, Any]:
        request = self.context["request"]
        ids = {"wallet_id": run.wallet_id, "schedule_id": run.schedule_id}
        links = {
            "self": location(request, "scheduled-execution", **ids, execution_id=run.id),
            "scheduledOperation": location(request, "scheduled-operation", **ids),
        }
        if run.movement_id:
            about = {"wallet_id": run.wallet_id, "movement_id": run.movement_id}
            links["movement"] = location(request, "movement", **about)
        return hrefs(links)
