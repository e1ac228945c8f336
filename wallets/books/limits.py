"""How much money a user may have and move, by its KYC level: across all wallets of a currency.

The balance is capped; cash-ins and cash-outs are capped over any 30 days. Level 2 has no limits;
the others have those of `settings.KYC_LIMITS`, and where none are set they may have nothing.
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
from wallets.models.querysets import to_millisecond

TOP: Final = 2
"""The level without limits."""

WINDOW: Final = timedelta(days=30)
ALMOST_A_MILLISECOND: Final = timedelta(microseconds=999)


class Limits(NamedTuple):
    """What a user may have, bring in and take out in one currency. Minor units; None: any."""

    balance: int | None = None
    cash_in: int | None = None
    cash_out: int | None = None


NO_LIMITS: Final = Limits()
NOTHING: Final = Limits(0, 0, 0)
NAMES: Final = {"balance": "balance", "cash_in": "cashIn", "cash_out": "cashOut"}
"""What the settings and callers call them."""


def limits_of(level: int, currency: str) -> Limits:
    """The limits of a level, by the settings."""
    if level >= TOP:
        return NO_LIMITS
    amounts = settings.KYC_LIMITS.get(currency, {}).get(str(level))
    return NOTHING if amounts is None else read(currency, *map(amounts.get, NAMES.values()))


@cache
def read(currency: str, *amounts: str | None) -> Limits:
    """Count amounts of the settings in minor units.

    Raises:
        ValueError, ArithmeticError: a currency or an amount is none.
    """
    return Limits(
        *(
            None if amount is None else money.to_minor(Decimal(amount), currency)
            for amount in amounts
        )
    )


# --- What the settings may say


def wrong_settings(configured: Any) -> Iterator[str]:
    """Say, a sentence each, what is wrong with KYC_LIMITS.

    Every limit must be named: null means any.
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
    """Return whether it is null, or an amount in digits: a float may be another than was meant."""
    if amount is None:
        return True
    if isinstance(amount, bool) or not isinstance(amount, str | int):
        return False
    try:
        return money.to_minor(Decimal(amount), currency) >= 0
    except (ArithmeticError, ValueError):
        return False


class Used(NamedTuple):
    """What went through at a time, in minor units; of an hour's movements the last one's time."""

    at: datetime
    amount: int


@dataclass(slots=True)
class Allowance:
    """What a user may still do in one currency, and what it did before. Minor units.

    All wallets of the user are locked, so nobody else changes any of it.
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
        """What came in within the last 30 days."""
        return sum(each.amount for each in self.cash_ins)

    @property
    def cash_out(self) -> int:
        """What went out, or is about to, within the last 30 days."""
        return sum(each.amount for each in self.cash_outs)

    def require_balance(self, amount: int) -> None:
        """Refuse when the user would have more than its level allows (LimitExceeded)."""
        self._require("balance", self.limits.balance, self.balance, amount)

    def require_cash_in(self, amount: int) -> None:
        """Refuse when more would come in than its level allows in 30 days (LimitExceeded)."""
        limit = self.limits.cash_in
        self._require("cash_in", limit, self.cash_in, amount, self.cash_ins)

    def require_cash_out(self, amount: int) -> None:
        """Refuse when more would go out than its level allows in 30 days (LimitExceeded)."""
        limit = self.limits.cash_out
        self._require("cash_out", limit, self.cash_out, amount, self.cash_outs)

    def count(self, type_: str, used: Used) -> None:
        """Count a cash-in, or a cash-out from when it is set aside; nothing else is a flow."""
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
    """When no more than `room` will be left of what was used; None: never.

    To the millisecond that callers are shown, and never before it.
    """
    left = sum(each.amount for each in flow)
    for each in sorted(flow):
        left -= each.amount
        if left <= room:
            return to_millisecond(each.at + WINDOW + ALMOST_A_MILLISECOND)
    return None
