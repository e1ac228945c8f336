"""What the model is played with: amounts, wallets, times and keys, mostly sensible."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

MILLISECOND: Final = timedelta(milliseconds=1)
PERIODS: Final = [
    timedelta(microseconds=1),
    MILLISECOND,
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
]
NUDGES: Final = [timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1)]
SPECIAL: Final = [("all", 0), ("all", 0), ("all", -1), ("all", 1), ("half", 0)]
ODD: Final = ["0.01", "0.001", "1.0", "1.10", "0.5", "0", "-1", "1E+2", "9999999999999.99"]
HUGE: Final = ["999999999999999", "10000000000000", "1000000000000000", "12345678901234567890"]


def seldom(usual: Any, rare: Any, once_in: int) -> Any:
    """Draw the rare value once in `times` draws."""
    return st.sampled_from([usual] * (once_in - 1) + [rare]).flatmap(lambda choice: choice)


def some(names: Any) -> Any:
    """Draw one of the current values of the game."""
    return st.runner().flatmap(lambda game: st.sampled_from(names(game)))


def numbered(numbers: Any) -> Any:
    """Draw one of these numbers, seldom an unknown one."""
    return seldom(some(lambda game: numbers(game) or [-1]), st.just(-1), 25)


MINOR: Final = seldom(st.integers(1, 20_00), st.sampled_from(SPECIAL), 3)
AMOUNTS: Final = seldom(MINOR, st.sampled_from(ODD + HUGE), 12)
"""Minor units; or what there is, a little less or more; or what may not be an amount at all."""

PARTS: Final = st.one_of(st.none(), MINOR, AMOUNTS)
KEYS: Final = st.sampled_from([None] * 7 + ["new"] * 4 + ["used"])
CLIENTS: Final = seldom(st.none(), st.sampled_from(["demo", "another"]), 20)
"""None: whoever has what the order is about."""

WALLETS: Final = some(lambda game: game.wallets)
ANY_WALLET: Final = seldom(WALLETS, st.just("nobody's"), 40)
SELDOM_ANOTHER: Final = seldom(st.none(), WALLETS, 25)
PAIRS: Final = seldom(some(lambda game: game.pairs), st.tuples(ANY_WALLET, ANY_WALLET), 6)
USERS: Final = seldom(st.sampled_from(["alice", "bob", "company"]), st.just("nobody"), 20)
CASH_OUTS: Final = numbered(lambda game: game.cash_outs)
MOVEMENTS: Final = numbered(lambda game: range(len(game.known.movements)))
PAYMENTS: Final = seldom(numbered(lambda game: game.payments), MOVEMENTS, 6)
OPEN_HOLDS: Final = numbered(lambda game: game.open_holds)
HOLDS: Final = seldom(OPEN_HOLDS, numbered(lambda game: range(len(game.known.holds))), 4)
FREEZES: Final = seldom(numbered(lambda game: game.freezes), HOLDS, 8)
ACCOUNTS: Final = numbered(lambda game: range(len(game.known.accounts)))
BANKS: Final = st.none() | ACCOUNTS
LINES: Final = st.integers(0, 23)
IBANS: Final = st.sampled_from(["ES9121000418450200051332", "DE89370400440532013000"])
EXPIRIES: Final = seldom(
    st.none() | st.sampled_from(PERIODS), st.sampled_from([*NUDGES, -PERIODS[3]]), 6
)
TRANSFERS: Final = st.lists(
    st.tuples(PAIRS, seldom(st.integers(1, 5_00), AMOUNTS, 12)), min_size=1, max_size=6
)
ITEMS: Final = st.lists(
    st.tuples(
        st.sampled_from(["cash_in", "transfer", "transfer", "cash_out"]),
        WALLETS,
        seldom(st.integers(1, 5_00), AMOUNTS, 12),
        seldom(st.none(), ACCOUNTS, 4),
    ),
    min_size=1,
    max_size=6,
)
