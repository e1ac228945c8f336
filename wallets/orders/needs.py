"""The rows that orders need locked and read before their rules run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple, Self
from uuid import UUID


class Needs(NamedTuple):
    """The rows that an order needs. Its rules can't read other rows."""

    users: tuple[UUID, ...] = ()
    """The users to lock, and all of their wallets with them."""
    wallets: tuple[UUID, ...] = ()
    """The wallets to lock."""
    settles: tuple[UUID, ...] = ()
    """The wallets in which it creates or settles movements; times must not decrease in them."""
    limits: tuple[UUID, ...] = ()
    """The wallets whose owners' limits apply: all wallets of those owners are locked."""
    flows: tuple[UUID, ...] = ()
    """Of these, the wallets whose owners' flows of the last 30 days count."""
    movements: tuple[UUID, ...] = ()
    """The movements to read after their wallets are locked, with their reversed amounts."""
    holds: tuple[UUID, ...] = ()
    """The holds to read after their wallets are locked."""
    resources: tuple[tuple[str, UUID], ...] = ()
    """The tables and ids of the external accounts and other resources to read."""
    new_resources: tuple[tuple[str, UUID, str], ...] = ()
    """The tables, wallets and unique values of the resources to add."""
    versions: tuple[UUID, ...] = ()
    """The wallets whose versions to read after they are locked; usually none."""
    numbers: int = 0
    """The number of values to take from the sequence of account numbers."""

    @classmethod
    def of_all(cls, needs: Iterable[Needs]) -> Self:
        """Merge the needs of several orders without duplicates, in the order of locking."""
        columns: Any = [*zip(*needs, strict=True)] or [()] * len(cls._fields)
        joined: Any = (tuple(sorted({*chain(*column)})) for column in columns[:-1])
        return cls._make([*joined, sum(columns[-1])])
