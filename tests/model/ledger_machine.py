"""The game: what may be ordered, at random, of the ledger and of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model import database
from tests.model.comparison import Table
from tests.model.history import MONTH, Said, line_of_bank
from tests.model.strategies import (
    ACCOUNTS,
    AMOUNTS,
    ANY_WALLET,
    BANKS,
    CASH_OUTS,
    CLIENTS,
    EXPIRIES,
    FREEZES,
    HOLDS,
    IBANS,
    ITEMS,
    KEYS,
    LINES,
    MOVEMENTS,
    NUDGES,
    PAIRS,
    PARTS,
    PAYMENTS,
    PERIODS,
    SELDOM_ANOTHER,
    TRANSFERS,
    USERS,
    WALLETS,
    seldom,
    some,
)

NO_ALERT: Final = Decimal(0)
Turn = TypeVar("Turn", bound=Callable[..., None])

DECK: Final[list[str]] = []
TURNS: Final[dict[str, st.SearchStrategy[dict[str, Any]]]] = {}


def turn(times: int, /, **values: Any) -> Callable[[Turn], Turn]:
    """Add a turn to the deck `times` times, with the strategies of its arguments."""

    def put(method: Turn) -> Turn:
        DECK.extend([method.__name__] * times)
        TURNS[method.__name__] = st.fixed_dictionaries(values)
        return method

    return put


class Game(Table):
    """Draws turns from a deck: an order, a passage of time or a read of the past."""

    deck = DECK
    taken = 0

    @initialize(
        part=st.integers(0, 1000),
        more=st.lists(st.deferred(lambda: st.sampled_from([*TURNS])), max_size=3),
    )
    def begin(self, part: int, more: list[str]) -> None:
        """Create one resource of each kind, and choose the turns that are frequent in this game.

        In the end we look back to a part of it.
        """
        self.past, self.deck = part, DECK + more * 6
        one, other = {"wallet": "alice's"}, {"wallet": "bob's"}
        bank = {"account": None, "iban": "ES1"}
        ends = [self.known.now + period for period in PERIODS[-2:]]
        self.say("cash_in", None, None, **one, amount=Decimal(5))
        self.say("transfer", None, "new", **one, target="bob's", amount=Decimal(3))
        for end in (*ends, None):
            about = {"target": "bob's", "amount": Decimal(10), "expires_at": end}
            self.say("place", None, "new", **one, **about)
        self.say("freeze", None, "new", **one, amount=Decimal(4))
        self.say("cash_out", None, None, **one, **bank, amount=Decimal(2))
        self.say("cash_out", None, None, **other, **bank, amount=Decimal(1))
        self.say("mark_sent", None, None, **other, movement=3)
        self.say("transfer", None, None, **one, target="bob's hoard", amount=Decimal(5))
        self.say("add_account", None, None, **one, iban="ES1")
        self.ledger_matches_the_model()
        some_of_it = {"hold": 1, "amount": Decimal(1), "keep_open": True}
        self.say("execute", None, None, **one, **some_of_it)
        self.say("renew", None, None, **one, hold=2, if_match=None, expires_at=ends[1])

    @property
    def hand(self) -> list[str]:
        """Return the deck, cut again each turn: the simplest game has every kind of turn."""
        cut = self.taken * 10 % len(self.deck)
        return self.deck[cut:] + self.deck[:cut]

    @rule(
        turn=some(lambda game: game.hand).flatmap(
            lambda name: st.tuples(st.just(name), TURNS[name])
        )
    )
    def take(self, turn: tuple[str, dict[str, Any]]) -> None:
        Game.steps += 1
        self.taken += 1
        getattr(self, turn[0])(**turn[1])

    # Moving money

    @turn(1, wallet=ANY_WALLET, client=CLIENTS, key=KEYS, amount=AMOUNTS)
    def cash_in(self, wallet: str, client: Any, key: Any, amount: Any) -> None:
        spelled = self.amount(wallet, amount, self.room(wallet))
        self.say("cash_in", client, key, wallet=wallet, amount=spelled)

    @turn(2, pair=PAIRS, client=CLIENTS, key=KEYS, amount=AMOUNTS)
    def transfer(self, pair: Any, client: Any, key: Any, amount: Any) -> None:
        spelled = self.of(pair[0], amount, pair[1])
        self.say("transfer", client, key, wallet=pair[0], target=pair[1], amount=spelled)

    @turn(1, wallet=ANY_WALLET, client=CLIENTS, key=KEYS, amount=AMOUNTS, down=st.booleans())
    def adjust(self, wallet: str, client: Any, key: Any, amount: Any, down: bool) -> None:
        spelled = (
            self.of(wallet, amount) if down else self.amount(wallet, amount, self.room(wallet))
        )
        self.say("adjust", client, key, wallet=wallet, amount=spelled, down=down)

    @turn(2, wallet=WALLETS, client=CLIENTS, key=KEYS, items=ITEMS)
    def batch(self, wallet: str, client: Any, key: Any, items: list[Any]) -> None:
        said = []
        others = [other for one, other in self.pairs if one == wallet]
        for verb, to, amount, account in items:
            values: dict[str, Any] = {"wallet": wallet, "amount": self.of(wallet, amount)}
            if verb == "transfer":
                values["target"] = others[len(to) % len(others)] if others else to
            if verb == "cash_out":
                values |= {"account": account, "iban": "ES1" if account is None else ""}
            said.append(self.saying(verb, client, None, **values))
        self.say("batch", client, key, wallet=wallet, items=tuple(said))

    @turn(3, client=CLIENTS, key=KEYS, transfers=TRANSFERS)
    def operation(self, client: Any, key: Any, transfers: list[Any]) -> None:
        """Several transfers at once; all payers are mostly those of one client."""
        known = self.known.wallets.get(transfers[0][0][0])
        client = client or (known.client if known else "demo")
        said = []
        for (one, other), amount in transfers:
            values = {"wallet": one, "target": other, "amount": self.of(one, amount)}
            said.append(self.saying("transfer", client, None, **values))
        self.say("operation", client, key, items=tuple(said))

    @turn(3, movement=PAYMENTS, first=st.booleans(), client=CLIENTS, key=KEYS, amount=PARTS)
    def reverse(self, movement: int, first: bool, client: Any, key: Any, amount: Any) -> None:
        wallets = self.known.movements[movement].wallets if movement >= 0 else ["alice's"]
        wallet = wallets[0 if first else -1]
        there = self.known.reversible(movement) if movement >= 0 else 0
        about = {"wallet": wallet, "movement": movement}
        self.say("reverse", client, key, amount=self.amount(wallet, amount, there), **about)

    # Holds

    @turn(3, pair=PAIRS, client=CLIENTS, key=KEYS, amount=AMOUNTS, expiry=EXPIRIES)
    def place(self, pair: Any, client: Any, key: Any, amount: Any, expiry: Any) -> None:
        about = {"wallet": pair[0], "target": pair[1], "amount": self.of(pair[0], amount)}
        self.say("place", client, key, expires_at=self.later(expiry), **about)

    @turn(
        3,
        hold=HOLDS,
        wallet=SELDOM_ANOTHER,
        client=CLIENTS,
        key=KEYS,
        amount=PARTS,
        keep_open=st.booleans(),
    )
    def execute(
        self, hold: int, wallet: Any, client: Any, key: Any, amount: Any, keep_open: bool
    ) -> None:
        there = self.known.left(hold) if hold >= 0 else 0
        wallet = wallet or self.known.holds[hold].payer
        about = {"wallet": wallet, "hold": hold, "keep_open": keep_open}
        self.say("execute", client, key, amount=self.amount(wallet, amount, there), **about)

    @turn(
        3,
        hold=HOLDS,
        wallet=SELDOM_ANOTHER,
        client=CLIENTS,
        key=KEYS,
        expiry=seldom(EXPIRIES, st.just("release"), 3),
        match=st.sampled_from([None, "now", "now", "before", "before", "both"]),
    )
    def change_hold(
        self, hold: int, wallet: Any, client: Any, key: Any, expiry: Any, match: str | None
    ) -> None:
        """Release or renew a hold, sometimes with the version that the caller has seen."""
        seen = [state for number, state in self.stage.versions if number == hold]
        now = [self.known.state(hold)] if hold >= 0 else []
        states = {None: None, "now": now, "before": seen[:1], "both": seen[:1] + now}[match]
        about = {
            "wallet": wallet or self.known.holds[hold].payer,
            "hold": hold,
            "if_match": None if states is None else frozenset(states),
        }
        if expiry == "release":
            self.say("release", client, key, **about)
        else:
            self.say("renew", client, key, expires_at=self.later(expiry), **about)

    @turn(1, wallet=ANY_WALLET, client=CLIENTS, key=KEYS, amount=AMOUNTS)
    def freeze(self, wallet: str, client: Any, key: Any, amount: Any) -> None:
        self.say("freeze", client, key, wallet=wallet, amount=self.of(wallet, amount))

    @turn(2, freeze=FREEZES, wallet=SELDOM_ANOTHER, client=CLIENTS, key=KEYS)
    def lift(self, freeze: int, wallet: Any, client: Any, key: Any) -> None:
        wallet = wallet or (self.known.holds[freeze].payer if freeze >= 0 else "alice's")
        self.say("lift", client, key, wallet=wallet, freeze=freeze)

    # Cash-outs

    @turn(2, wallet=ANY_WALLET, client=CLIENTS, key=KEYS, amount=AMOUNTS, bank=BANKS, iban=IBANS)
    def cash_out(
        self, wallet: str, client: Any, key: Any, amount: Any, bank: int | None, iban: str
    ) -> None:
        about = {"account": bank, "iban": iban if bank is None else ""}
        wallet = wallet if bank is None else self.owner(bank, wallet)
        self.say("cash_out", client, key, wallet=wallet, amount=self.of(wallet, amount), **about)

    @turn(
        4,
        verb=st.sampled_from(
            [
                "mark_sent",
                "mark_sent",
                "settle",
                "settle_by_bank",
                "reject",
                "reject_by_bank",
                "cancel",
            ]
        ),
        movement=seldom(CASH_OUTS, MOVEMENTS, 8),
        wallet=SELDOM_ANOTHER,
        client=CLIENTS,
        key=KEYS,
    )
    def end_cash_out(self, verb: str, movement: int, wallet: Any, client: Any, key: Any) -> None:
        wallet = wallet or self.known.movements[movement].wallets[0]
        self.say(verb, client, key, wallet=wallet, movement=movement)

    @turn(
        3,
        movement=seldom(CASH_OUTS, MOVEMENTS, 8),
        wallet=SELDOM_ANOTHER,
        client=CLIENTS,
        key=KEYS,
        amount=PARTS,
        line=seldom(st.none(), LINES, 2),
    )
    def give_back(
        self, movement: int, wallet: Any, client: Any, key: Any, amount: Any, line: int | None
    ) -> None:
        """The bank returns a cash-out, by itself or with a line of a statement."""
        paid = [n for n in self.cash_outs if self.known.movements[n].status == "SUCCESS"]
        if paid and len(self.said) % 3:
            movement = paid[len(self.said) % len(paid)]
        owner = self.known.movements[movement].wallets[0] if movement >= 0 else "alice's"
        wallet = wallet or owner
        about = {"wallet": wallet, "movement": movement}
        if line is None:
            there = self.known.reversible(movement) if movement >= 0 else 0
            spelled = self.amount(wallet, amount, there)
            self.say("give_back", client, key, amount=spelled, **about)
        elif self.has_currency(wallet, line):
            self.say("explain_return", client, key, line=line, **about)

    @turn(2, wallet=ANY_WALLET, client=CLIENTS, key=KEYS, line=LINES)
    def explain(self, wallet: str, client: Any, key: Any, line: int) -> None:
        """A line of a statement is a cash-in; sometimes the line was explained before."""
        if self.has_currency(wallet, line):
            self.say("explain", client, key, wallet=wallet, line=line)

    def has_currency(self, wallet: str, line: int) -> bool:
        known = self.known.wallets.get(wallet)
        return known is None or known.currency == line_of_bank(line)[0]

    @turn(
        1, add=st.booleans(), wallet=ANY_WALLET, client=CLIENTS, key=KEYS, iban=IBANS, bank=ACCOUNTS
    )
    def keep_account(
        self, add: bool, wallet: str, client: Any, key: Any, iban: str, bank: int
    ) -> None:
        """Add an external account, or remove one."""
        if add or not self.known.accounts:
            self.say("add_account", client, key, wallet=wallet, iban=iban)
        else:
            wallet = self.owner(bank, wallet)
            self.say("remove_account", client, key, wallet=wallet, account=bank)

    # Wallets and users

    @turn(
        1,
        verb=st.sampled_from(["block_wallet", "unblock_wallet", "close_wallet", "close_wallet"]),
        wallet=ANY_WALLET,
        client=CLIENTS,
        key=KEYS,
    )
    def change_wallet(self, verb: str, wallet: str, client: Any, key: Any) -> None:
        """Block or unblock a wallet, or close one without available money."""
        blocked = [name for name, each in self.known.wallets.items() if each.status == "BLOCKED"]
        if blocked and verb != "close_wallet" and len(self.said) % 4:
            verb, wallet = "unblock_wallet", blocked[0]
        spent = [name for name in self.known.wallets if not self.known.available(name)]
        if spent and verb == "close_wallet" and len(self.said) % 4:
            wallet = spent[len(self.said) % len(spent)]
        self.say(verb, client, key, wallet=wallet)

    @turn(2, wallet=ANY_WALLET, client=CLIENTS, key=KEYS, amount=seldom(AMOUNTS, st.none(), 4))
    def set_alert(self, wallet: str, client: Any, key: Any, amount: Any) -> None:
        """Set the alert near the balance, or remove it."""
        known = self.known.wallets.get(wallet)
        there = self.known.balance(wallet) if known else 0
        alert = NO_ALERT if amount is None else self.amount(wallet, amount, there)
        self.say("set_alert", client, key, wallet=wallet, alert_below=alert)

    @turn(
        1,
        verb=st.sampled_from(["block_user", "unblock_user", "open_wallet", "open_wallet"]),
        user=USERS,
        client=CLIENTS,
        key=KEYS,
        currency=st.sampled_from(["EUR", "JPY"]),
    )
    def change_user(self, verb: str, user: str, client: Any, key: Any, currency: str) -> None:
        """Block or unblock a user, or open a wallet; a blocked user is mostly unblocked soon."""
        blocked = [name for name, each in self.known.users.items() if each[1] == "BLOCKED"]
        if verb == "open_wallet":
            self.say(verb, client, key, user=user, currency=currency)
        elif blocked and len(self.said) % 4:
            self.say("unblock_user", client, key, user=blocked[0])
        else:
            self.say(verb, client, key, user=user)

    # Again, later, and before

    @turn(
        2,
        back=st.integers(1, 5),
        other=st.sampled_from(["", "", "", "client", "amount", "shape", "verb"]),
    )
    def again(self, back: int, other: str) -> None:
        """Repeat an order, or use its key for another order or by another client."""
        said = self.said[-back % len(self.said)]
        verb, client, values = said.verb, said.client, dict(said.values)
        if other == "client":
            client = "another" if client == "demo" else "demo"
            if "items" in values:
                values["items"] = tuple(replace(item, client=client) for item in values["items"])
        if other == "amount" and values.get("amount") is not None:
            values["amount"] += 1
        if other == "shape" and "amount" in values:
            values["amount"] = Decimal("0.001")
        if other == "verb":
            verb = {"settle": "mark_sent", "cash_in": "adjust", "cancel": "settle"}.get(verb, verb)
            values |= {"down": True} if verb == "adjust" else {}
        self.play(Said(verb, client, tuple(sorted(values.items())), said.key))

    @turn(
        3,
        period=seldom(st.sampled_from(PERIODS), st.just(MONTH / 2), 8),
        nudge=st.sampled_from(NUDGES),
        until=st.booleans(),
    )
    def pass_time(self, period: timedelta, nudge: timedelta, until: bool) -> None:
        """Let time pass: a period, or exactly until a hold expires."""
        ends = [hold.expires_at for hold in self.known.holds if hold.expires_at and not hold.ended]
        coming = sorted(end + nudge for end in ends if end + nudge > self.known.now)
        self.known.now = coming[0] if coming and until else self.known.now + period
        database.set_clock(self.known.now)

    @turn(1, wallet=WALLETS, start=st.integers(0, 1000), end=st.integers(0, 1000))
    def look_back(self, wallet: str, start: int, end: int) -> None:
        """Compare any past period."""
        self.look(wallet, *sorted([start, end]))
