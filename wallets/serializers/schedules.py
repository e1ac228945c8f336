"""Bodies, queries and answers about scheduled operations and their executions."""

from __future__ import annotations

import re
from collections.abc import Set
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import SerializerMethodField

from iocash.http import fields, pages
from iocash.http.links import LINKS, location
from iocash.http.parsing import Number
from users.serializers.users import UPDATED_AT, Optional
from wallets.models import ScheduledOperation, ScheduledRun
from wallets.serializers.shared import hrefs

MOST_EXECUTIONS: Final = 5_000
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


class TargetBalance(fields.Amount):
    """A balance: an amount, or zero."""

    example = "50.00"

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), "pattern": r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$"}

    def to_internal_value(self, data: Any) -> Decimal:
        literal = data.literal if isinstance(data, Number) else data
        if isinstance(literal, str) and re.fullmatch(r"0(\.0{1,4})?", literal):
            return Decimal(0)
        return super().to_internal_value(data)


class DurationValue(fields.Field):
    """A number of executions or a date; a JSON number is accepted too."""

    default_error_messages = {"invalid": "Must be a whole number, or a date like 2026-01-31."}
    example = "12"
    READ = "-?[0-9]{1,9}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    WRITTEN = "^([1-9][0-9]{0,3}|[1-9][0-9]{3}-[0-9]{2}-[0-9]{2})$"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": self.WRITTEN, "x-also-accepted": "number"}

    def to_internal_value(self, data: Any) -> int | date:
        literal = data.literal if isinstance(data, Number) else data
        if not isinstance(literal, str) or not re.fullmatch(self.READ, literal):
            self.fail("invalid")
        if "-" not in literal[1:]:
            return int(literal)
        try:
            return date.fromisoformat(literal)
        except ValueError:
            self.fail("invalid")


# --- Answers -------------------------------------------------------------------------------------


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
        "`cash_out_cancelled`, `run_missed` or `scheduled_operation_paused`. Null: it did not.",
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


# --- Bodies --------------------------------------------------------------------------------------


class ReceiverBody(fields.Serializer):
    """Who is paid."""

    default_error_messages = {
        "no_wallet": "Must be the id of a wallet.",
        "no_account": "Must be an IBAN, or the id of an external account of the wallet.",
    }

    type = fields.Choice(ScheduledOperation.Receiver)
    account = fields.Text(64, example=fields.Id.example, help_text=ACCOUNT)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if not {"type", "account"} <= values.keys():
            return {}
        is_wallet = values["type"] == ScheduledOperation.Receiver.WALLET
        if fields.Id.PATTERN.fullmatch(values["account"]):
            return {}
        if not is_wallet and is_iban(values["account"]):
            return {}
        return {"account": "no_wallet" if is_wallet else "no_account"}


def is_iban(text: str) -> bool:
    try:
        fields.Iban().to_internal_value(text)
    except ValidationError:
        return False
    return True


class DurationBody(fields.Serializer):
    """When the executions end; required unless the frequency is ONCE."""

    default_error_messages = {
        "no_number": "Must be a whole number from 1 to 5000.",
        "no_date": "Must be a date like 2026-01-31.",
        "no_value": "Must not be sent with INDEFINITE.",
    }

    type = fields.Choice(ScheduledOperation.Duration)
    value = DurationValue(required=False, allow_null=True, help_text=VALUE)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if "type" not in values or ("value" in given and "value" not in values):
            return {}
        kind, value = values["type"], values.get("value")
        if kind == ScheduledOperation.Duration.INDEFINITE:
            return {} if value is None else {"value": "no_value"}
        if value is None:
            return {"value": "required"}
        if kind == ScheduledOperation.Duration.END_DATE:
            return {} if isinstance(value, date) else {"value": "no_date"}
        is_number = isinstance(value, int) and 1 <= value <= MOST_EXECUTIONS
        return {} if is_number else {"value": "no_number"}

    def get_initial(self) -> dict[str, Any]:
        return {"type": "NUMBER_OF_EXECUTIONS", "value": "12"}


class ScheduleBody(fields.Serializer):
    """The dates of the executions: the start, and as many days, weeks, months or years after it.

    A month without the day of the start has its last day instead.
    """

    default_error_messages = {
        "before_start": "Must be the start date or later.",
        "once": "Must be 1 if the frequency is ONCE.",
        "too_early": "Must be later than the hour at which executions are due.",
    }

    start_date = fields.Day(example="2030-01-31", help_text=f"{START} Today or later.")
    frequency = fields.Choice(ScheduledOperation.Frequency)
    duration = DurationBody(required=False)
    time_zone = TimeZone(required=False, help_text=ZONE)
    missed_runs = fields.Choice(ScheduledOperation.MissedRuns, required=False)
    retry_until = TimeOfDay(required=False, allow_null=True, help_text=RETRY)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        wrong = {}
        is_once = values.get("frequency") == ScheduledOperation.Frequency.ONCE
        if "duration" not in given and "frequency" in values and not is_once:
            wrong["duration"] = "required"
        value = values.get("duration", {}).get("value")
        if is_once and isinstance(value, int) and value != 1:
            wrong["duration.value"] = "once"
        if isinstance(value, date) and value < values.get("start_date", value):
            wrong["duration.value"] = "before_start"
        until = values.get("retry_until")
        if until and until <= f"{settings.SCHEDULE_HOUR:02}:00":
            wrong["retry_until"] = "too_early"
        return wrong

    def get_initial(self) -> dict[str, Any]:
        return {**super().get_initial(), "duration": DurationBody().get_initial()}


class TriggerBody(fields.Serializer):
    """The balance that causes an execution: at most one a minute, and 50 a day."""

    type = fields.Choice(ScheduledOperation.Trigger)
    target = TargetBalance(help_text=TARGET)
    watched_wallet_id = fields.Id(required=False, help_text=WATCHED)


class ScheduledOperationBody(fields.Serializer):
    """A payment to repeat: on the dates of a `schedule`, or when a `trigger` asks for it."""

    default_error_messages = {"one_only": "Must not be sent together with schedule."}

    alias = Optional(100, example="Rent", help_text=ALIAS)
    concept = Optional(140, example="Rent", help_text=CONCEPT)
    amount = fields.Amount(
        required=False,
        help_text=f"{AMOUNT} Required with a `schedule`. Left out with a `trigger`: what separates "
        "the balance from the target.",
    )
    currency = fields.Currency(
        required=False,
        component="",
        source="expected_currency",
        help_text="If given, it must be the wallet's currency (409 `currency_mismatch`).",
    )
    receiver = ReceiverBody()
    schedule = ScheduleBody(required=False)
    trigger = TriggerBody(required=False)

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        if {"schedule", "trigger"} <= given:
            return {"trigger": "one_only"}
        if not {"schedule", "trigger"} & given:
            return {"schedule": "required"}
        return {"amount": "required"} if {"schedule", "amount"} & given == {"schedule"} else {}

    def get_initial(self) -> dict[str, Any]:
        fixed = {"amount": "10.00", "schedule": ScheduleBody().get_initial()}
        return {**super().get_initial(), **fixed}


class ScheduledOperationChange(fields.Serializer):
    """Pause, resume or cancel the scheduled operation, or change what it pays."""

    together = {"minProperties": 1}

    status = fields.Choice(
        ("ACTIVE", "PAUSED", "CANCELLED"),
        required=False,
        help_text="PAUSED: executions that become due are skipped. ACTIVE: resume. CANCELLED: end "
        "it permanently.",
    )
    alias = Optional(100, example="Rent", help_text=ALIAS)
    concept = Optional(140, example="Rent", help_text=CONCEPT)
    amount = fields.Amount(required=False, help_text=f"{AMOUNT} It applies to the next execution.")

    def across(self, values: dict[str, Any], given: Set[str]) -> dict[str, str]:
        return {} if given else {"status": "required"}

    def get_initial(self) -> dict[str, Any]:
        """An example that does not end anything by accident."""
        return {"status": "PAUSED"}


class ScheduledOperationQuery(pages.PageQuery):
    """The filters of the list of scheduled operations."""

    status = fields.Several(
        fields.Choice(ScheduledOperation.Status),
        required=False,
        help_text="Only scheduled operations with one of these statuses.",
    )


class ScheduledExecutionQuery(pages.PageQuery):
    """The filters of the list of executions."""

    status = fields.Several(
        fields.Choice(ScheduledRun.Status),
        required=False,
        help_text="Only executions with one of these statuses.",
    )
