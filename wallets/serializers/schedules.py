"""Bodies and queries about scheduled operations."""

from __future__ import annotations

import re
from collections.abc import Set
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from rest_framework.exceptions import ValidationError

from iocash.http import fields, pages
from iocash.http.parsing import Number
from users.serializers.users import Optional
from wallets.models import ScheduledOperation, ScheduledRun
from wallets.serializers.scheduled import (
    ACCOUNT,
    ALIAS,
    AMOUNT,
    CONCEPT,
    RETRY,
    START,
    TARGET,
    VALUE,
    WATCHED,
    ZONE,
    TimeOfDay,
    TimeZone,
)

MOST_EXECUTIONS: Final = 5_000


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
    frequency = fields.Choice(ScheduledOperation.Frequency, example="MONTHLY")
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
