"""The bodies and parameters of ioCash's published calls, where they differ from ours."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, Final

from iocash.errors import FieldError
from iocash.http import fields
from users.serializers.users import Optional
from wallets.serializers.accounts import PublishedIban
from wallets.serializers.holds import HoldQuery
from wallets.serializers.movements import MovementQuery
from wallets.serializers.schedules import ScheduleBody, ScheduledOperationBody
from wallets.serializers.shared import END, START

DAY: Final = r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
TIME: Final = (
    r"([01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"([+-](0[0-9]|1[0-4])|(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))?"
)
"""The published formats, for the OpenAPI document."""


class PublishedMoment(fields.Moment):
    """A time, also in the published format `2020-02-28 7:00:00` (UTC) and with offsets in hours."""

    example = "2020-02-28 12:00:00"
    SPELLINGS = re.compile(
        r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{1,2})(?P<rest>:[0-9]{2}:[0-9]{2})"
        r"(?P<offset>[+-][0-9]{2})?"
    )

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{DAY}[T ]{TIME}$"}

    def read(self, text: str) -> datetime:
        found = self.SPELLINGS.fullmatch(text)
        if found is None:
            return super().read(text)
        offset = f"{found['offset']}:00" if found["offset"] else "Z"
        spelled = f"{found['day']}T{found['hour']:0>2}{found['rest']}{offset}"
        return datetime.fromisoformat(spelled).astimezone(UTC)


class PublishedInstant(fields.Instant, PublishedMoment):
    """A time in a query, also in the published format, or a date alone: midnight in UTC."""

    def schema(self) -> dict[str, Any]:
        return super().schema() | {"pattern": f"^{DAY}([T ]{TIME})?$"}


class PublishedDay(fields.Day):
    """A date, also with a time in the published format, which is ignored."""

    WITH_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9:.]{7,15}Z?")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{DAY}([T ]{TIME})?$"}

    def to_internal_value(self, data: Any) -> date:
        found = self.WITH_TIME.fullmatch(data) if isinstance(data, str) else None
        return super().to_internal_value(found[1] if found else data)


CONCEPT = "What it is for, as the statement shows it. Null: none."


class PublishedMovementQuery(MovementQuery):
    """The filters of the list of movements; times also in the published format."""

    start_date = PublishedInstant(required=False, help_text=START)
    end_date = PublishedInstant(required=False, help_text=END)


class PublishedHoldQuery(HoldQuery):
    """The filters of the list of holds; times also in the published format."""

    start_date = PublishedInstant(required=False, help_text=START)
    end_date = PublishedInstant(required=False, help_text=END)


class Paid(fields.Serializer):
    """The fields of every published payment."""

    amount = fields.Amount(help_text="The amount, in units of the wallet's currency.")
    concept = Optional(140, example="Lunch", help_text=CONCEPT)


class TransferBody(Paid):
    """A transfer to another wallet."""

    target_wallet_id = fields.Id(help_text="The wallet that is paid.")


class CashOutBody(Paid):
    """A cash-out to a bank account."""

    iban = PublishedIban(help_text="")


class FavouriteCashOutBody(Paid):
    """A cash-out to one of the wallet's external accounts."""

    favourite_external_account_id = fields.Id(
        source="external_account_id", help_text="The external account that is paid."
    )


class TargetedHoldBody(Paid):
    """Funds to reserve for another wallet."""

    target_wallet = fields.Id(
        source="target_wallet_id", help_text="The wallet that an execution will pay."
    )
    expiration = PublishedMoment(
        required=False, allow_null=True, help_text="When the hold expires. Null: never."
    )

    @staticmethod
    def as_sent(error: FieldError) -> FieldError:
        """Rename the target field in an error of a rule to its published name."""
        return error._replace(field="targetWallet") if error.field == "targetWalletId" else error


class ExecuteBody(fields.Serializer):
    """The `amount` to pay; all by default."""

    amount = fields.Amount(
        required=False,
        help_text="What to pay, in units of the wallet's currency. Left out: all that remains.",
    )
    concept = Optional(140, example="Lunch", help_text=CONCEPT)


class ReleaseBody(fields.Serializer):
    """No field is required. A concept is accepted but not stored."""

    concept = Optional(140, example="Lunch", help_text="Accepted, but not stored.")


class RenewalBody(fields.Serializer):
    """The new expiration of the hold; null: never."""

    expiration = PublishedMoment(
        allow_null=True, help_text="The new expiration: a time in the future. Null: never."
    )


class PublishedScheduleBody(ScheduleBody):
    """The dates of the executions, in the time zone of the server."""

    start_date = PublishedDay(
        example="2030-01-31", help_text="The date of the first execution. Today or later."
    )
    time_zone = missed_runs = retry_until = None  # type: ignore[assignment]


class PublishedScheduledBody(ScheduledOperationBody):
    """A payment to repeat on the dates of a `schedule`."""

    amount = fields.Amount(help_text="What each execution pays, in units of the currency.")
    schedule = PublishedScheduleBody()
    currency = trigger = None  # type: ignore[assignment]
