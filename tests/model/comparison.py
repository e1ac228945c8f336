"""Where the game is played: orders are spelled, played on both sides, and compared."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from iocash import errors
from tests.model import agreement, database
from tests.model.history import DECIMALS, LIMITS, Made, No, Said
from tests.model.ledger_rules import CEILING
from tests.model.strategies import MILLISECOND
from tests.support import audited
from wallets import posting
from wallets.orders.base import Order, Outcome


class Table(RuleBasedStateMachine):
    """Two clients' wallets in the ledger and in the model."""

    scene: ClassVar[database.Stage]
    steps: ClassVar[int] = 0
    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.stage, self.known = self.undo.enter_context(self.scene.game())
        self.said: list[Said] = []
        self.past = 0

    def teardown(self) -> None:
        """Assert that the audit passes and that the history of every wallet is unchanged."""
        with self.undo:
            if sys.exc_info()[0] is not None:
                return
            wrong = audited.wrong()
            assert not wrong, "\n".join(wrong)
            for wallet in self.known.wallets:
                self.look(wallet, self.past, 1000)

    # What there is to name

    @property
    def wallets(self) -> list[str]:
        """Return all wallets; the busiest ones several times."""
        return ["alice's", "bob's", "bob's", "alice's yen", *self.known.wallets]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of wallets between which a payment is possible."""
        kind = {name: (each.client, each.currency) for name, each in self.known.wallets.items()}
        pairs = itertools.permutations(kind, 2)
        return [(one, other) for one, other in pairs if kind[one] == kind[other]]

    @property
    def cash_outs(self) -> list[int]:
        movements = enumerate(self.known.movements)
        return [number for number, each in movements if each.kind == "CASH_OUT"][-6:]

    @property
    def payments(self) -> list[int]:
        kinds = {"CASH_IN", "TRANSFER", "REVERSAL"}
        return [number for number, each in enumerate(self.known.movements) if each.kind in kinds]

    @property
    def open_holds(self) -> list[int]:
        holds = range(len(self.known.holds))
        return [number for number in holds if self.known.standing(number) == "OPEN"][-6:]

    @property
    def freezes(self) -> list[int]:
        holds = enumerate(self.known.holds)
        return [number for number, each in holds if each.payee is None][-6:]

    def owner(self, account: int, other: str) -> str:
        """Return mostly the wallet that has the account."""
        is_there = 0 <= account < len(self.known.accounts) and len(self.said) % 5
        return self.known.accounts[account].wallet if is_there else other

    def amount(self, wallet: str, amount: Any, there: int) -> Decimal | None:
        """Return an amount: a number of minor units, or a share of the available money."""
        if amount is None:
            return None
        if isinstance(amount, str):
            return Decimal(amount)
        if isinstance(amount, tuple):
            amount = there // 2 if amount[0] == "half" else there + amount[1]
        known = self.known.wallets.get(wallet)
        return Decimal(amount).scaleb(-DECIMALS[known.currency if known else "EUR"])

    def of(self, wallet: str, amount: Any, target: str = "") -> Decimal | None:
        """Return an amount that is available in the wallet and accepted by the target."""
        there = self.known.available(wallet) if wallet in self.known.wallets else 0
        return self.amount(wallet, amount, min(there, self.room(target)))

    def room(self, wallet: str) -> int:
        """Return the amount that the wallet can still receive."""
        ceiling = CEILING - (self.known.balance(wallet) if wallet in self.known.wallets else 0)
        if not self.known.is_limited(wallet):
            return ceiling
        return min(ceiling, LIMITS["balance"] - self.known.used("balance"))

    def later(self, expiry: timedelta | None) -> datetime | None:
        return None if expiry is None else self.known.now + expiry

    # Playing

    def saying(self, verb: str, client: str | None, key: str | None, **values: Any) -> Said:
        if client is None and "user" in values:
            client = database.PLAYERS.get(values["user"], "demo")
        elif client is None:
            wallet = self.known.wallets.get(values["wallet"])
            client = wallet.client if wallet else "demo"
        if key == "used":
            keys = [said.key for said in self.said if said.key]
            key = keys[len(self.said) % len(keys)]
        elif key:
            key = f"key {len(self.said)}"
        return Said(verb, client, tuple(sorted(values.items())), key)

    def say(self, verb: str, client: str | None, key: str | None, **values: Any) -> None:
        self.play(self.saying(verb, client, key, **values))

    def play(self, said: Said) -> None:
        """Run the order in the ledger and in the model, and compare their answers."""
        self.said.append(said)
        outcome = self.hear(self.stage.order(said))
        expected = self.expect(said)
        if isinstance(expected, No):
            self.tally[expected.code] += 1
            assert isinstance(outcome, errors.Refused), f"{said} is not refused with {expected}"
            self.stage.refused(expected, outcome)
        else:
            self.tally["replayed" if expected.replayed else said.verb] += 1
            assert not isinstance(outcome, errors.Refused), f"{said} is refused with {outcome!r}"
            self.stage.heard(expected, outcome)

    def hear(self, order: Order) -> Outcome | errors.Refused:
        try:
            return posting.submit(order)
        except errors.Refused as refusal:
            return refusal

    def expect(self, said: Said) -> Made | No:
        try:
            return self.known.play(said)
        except No as no:
            return no

    @invariant()
    def ledger_matches_the_model(self) -> None:
        agreement.compare(self.stage, self.known)

    def look(self, wallet: str, start: int, end: int) -> None:
        """Compare a past period, given in thousandths of the game up to a millisecond ago."""
        past = max(self.known.now - MILLISECOND - database.START, timedelta(0))
        instants = [database.START + past * part / 1000 for part in (start, end)]
        agreement.compare_past(self.stage, self.known, wallet, instants[0], instants[1])
