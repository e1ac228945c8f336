"""KYC limits of users, across all wallets of a currency.

They limit the balance, and the cash-ins and cash-outs of any 30 days. Level 2 has no limits. The
other levels have those of `settings.KYC_LIMITS`; in currencies without an entry they are 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings

from iocash import errors, money
from iocash.times import to_millisecond

TOP: Final = 2
"""The level without limits."""

WINDOW: Final = timedelta(days=30)
ALMOST_A_MILLISECOND: Final = timedelta(microseconds=999)


class Limits(NamedTuple):
    """The limits of a user in one currency, in minor units; None is no limit."""

    balance: int | None = None
    cash_in: int | None = None
    cash_out: int | None = None


NO_LIMITS: Final = Limits()
NOTHING: Final = Limits(0, 0, 0)
NAMES: Final = {"balance": "balance", "cash_in": "cashIn", "cash_out": "cashOut"}
"""The names of the limits in the settings and in the API."""


def limits_of(level: int, currency: str) -> Limits:
    """The limits of a level, from the settings."""
    if level >= TOP:
        return NO_LIMITS
    amounts = settings.KYC_LIMITS.get(currency, {}).get(str(level))
    return NOTHING if amounts is None else read(currency, *map(amounts.get, NAMES.values()))


@cache
def read(currency: str, *amounts: str | None) -> Limits:
    """Convert the amounts of the settings to minor units.

    Raises:
        ValueError, ArithmeticError: a currency or an amount is invalid.
    """
    return Limits(
        *(
            None if amount is None else money.to_minor(Decimal(amount), currency)
            for amount in amounts
        )
    )


# --- What the settings may say


def wrong_settings(configured: Any) -> Iterator[str]:
    """Yield one sentence for each error in KYC_LIMITS.

    Every limit must be set; null means no limit.
    """
    if not isinstance(configured, Mapping):
        yield "KYC_LIMITS must be an object: a currency, its levels, and their limits."
        return
    for currency, levels in configured.items():
        if currency not in money.currencies():
            yield f"KYC_LIMITS names an unknown currency: {currency}."
        elif not isinstance(levels, Mapping):
            yield f"KYC_LIMITS, {currency}: an object of levels is needed."
        else:
            for level, amounts in levels.items():
                yield from _wrong_level(currency, level, amounts)


def _wrong_level(currency: str, level: Any, amounts: Any) -> Iterator[str]:
    where, names = f"KYC_LIMITS, {currency}, level {level}", NAMES.values()
    if level not in {str(below) for below in range(TOP)}:
        yield f"{where}: only levels below {TOP} have limits."
    elif not isinstance(amounts, Mapping):
        yield f"{where}: an object of limits is needed."
    else:
        for name in amounts.keys() - names:
            yield f"{where}: there is no limit {name!r}, only {', '.join(names)}."
        for name in names:
            if name not in amounts:
                yield f"{where}: {name} is missing; null means no limit."
            elif not _is_amount(currency, amounts[name]):
                yield f"{where}: {name} is no amount of {currency}: {amounts[name]!r}."


def _is_amount(currency: str, amount: Any) -> bool:
    """Whether it is null or an amount as text. Floats are refused, because they are inexact."""
    if amount is None:
        return True
    if isinstance(amount, bool) or not isinstance(amount, str | int):
        return False
    try:
        return money.to_minor(Decimal(amount), currency) >= 0
    except (ArithmeticError, ValueError):
        return False


class Used(NamedTuple):
    """A used amount in minor units, and its time; the sum of an hour has the last time."""

    at: datetime
    amount: int


@dataclass(slots=True)
class Allowance:
    """The limits and the used amounts of a user in one currency, in minor units.

    All wallets of the user are locked, so no other transaction can change the amounts.
    """

    user_id: UUID
    currency: str
    limits: Limits
    balance: int = 0
    cash_ins: list[Used] = field(default_factory=list)
    cash_outs: list[Used] = field(default_factory=list)

    def copy(self) -> Allowance:
        return dataclasses.replace(
            self, cash_ins=list(self.cash_ins), cash_outs=list(self.cash_outs)
        )

    @property
    def cash_in(self) -> int:
        """The cash-ins of the last 30 days."""
        return sum(each.amount for each in self.cash_ins)

    @property
    def cash_out(self) -> int:
        """The cash-outs of the last 30 days, pending ones included."""
        return sum(each.amount for each in self.cash_outs)

    def require_balance(self, amount: int) -> None:
        """Raise LimitExceeded if the balance would exceed the limit."""
        self._require("balance", self.limits.balance, self.balance, amount)

    def require_cash_in(self, amount: int) -> None:
        """Raise LimitExceeded if the cash-ins of 30 days would exceed the limit."""
        limit = self.limits.cash_in
        self._require("cash_in", limit, self.cash_in, amount, self.cash_ins)

    def require_cash_out(self, amount: int) -> None:
        """Raise LimitExceeded if the cash-outs of 30 days would exceed the limit."""
        limit = self.limits.cash_out
        self._require("cash_out", limit, self.cash_out, amount, self.cash_outs)

    def count(self, type_: str, used: Used) -> None:
        """Count a cash-in, or a cash-out from its request on; other types do not count."""
        flows = {"CASH_IN": self.cash_ins, "CASH_OUT": self.cash_outs}
        if (flow := flows.get(type_)) is not None:
            flow.append(used)

    def _require(
        self,
        name: str,
        limit: int | None,
        used: int,
        amount: int,
        flow: Sequence[Used] = (),
    ) -> None:
        if limit is not None and used + amount > limit:
            raise errors.LimitExceeded(
                user_id=self.user_id,
                limit_type=NAMES[name],
                limit=money.to_text(limit, self.currency),
                used=money.to_text(used, self.currency),
                requested=money.to_text(amount, self.currency),
                currency=self.currency,
                resets_at=fits_at(flow, limit - amount),
            )


def fits_at(flow: Sequence[Used], room: int) -> datetime | None:
    """The time at which the used amount falls to `room`; None is never.

    It is rounded up to the milliseconds of the API.
    """
    left = sum(each.amount for each in flow)
    for each in sorted(flow):
        left -= each.amount
        if left <= room:
            return to_millisecond(each.at + WINDOW + ALMOST_A_MILLISECOND)
    return None
