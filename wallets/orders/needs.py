"""What orders need locked and read before their rules run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple, Self
from uuid import UUID


class Needs(NamedTuple):
    """The rows that an order needs. What it does not name, its rules can't see."""

    users: tuple[UUID, ...] = ()
    """The users to lock, and all of their wallets with them."""
    wallets: tuple[UUID, ...] = ()
    """The wallets to lock."""
    settles: tuple[UUID, ...] = ()
    """The wallets in which it makes or settles movements: their time must not run backwards."""
    limits: tuple[UUID, ...] = ()
    """The wallets whose owners' limits apply: all wallets of those owners are locked."""
    flows: tuple[UUID, ...] = ()
    """Those of them whose owners' cash-ins and cash-outs of the last 30 days count."""
    movements: tuple[UUID, ...] = ()
    """The movements to read once their wallets are locked, with what was reversed of them."""
    holds: tuple[UUID, ...] = ()
    """The holds to read once their wallets are locked."""
    accounts: tuple[UUID, ...] = ()
    """The external accounts to read once their wallets are locked."""
    new_accounts: tuple[tuple[UUID, str], ...] = ()
    """The wallets and IBANs of the external accounts that it would add."""
    versions: tuple[UUID, ...] = ()
    """The wallets whose versions to find out once they are locked: seldom any."""
    numbers: int = 0
    """How many numbers to draw that nobody else will get."""

    @classmethod
    def of_all(cls, needs: Iterable[Needs]) -> Self:
        """Join the needs of many, each row once, in the order in which rows are locked."""
        columns: Any = [*zip(*needs, strict=True)] or [()] * len(cls._fields)
        joined: Any = (tuple(sorted({*chain(*column)})) for column in columns[:-1])
        return cls._make([*joined, sum(columns[-1])])
