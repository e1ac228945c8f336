"""What the model of the ledger requires, in rules that several verbs share."""

from __future__ import annotations

from decimal import Decimal

from tests.model import history
from tests.model.history import Account, Hold, Movement, No, Said, Wallet, World

LONGEST, CEILING = 10**15, 10**17
"""No order has an amount this long; no balance passes this."""


class Rules(World):
    """A world, and what may be refused in it."""

    # What an order names

    def mine(self, said: Said) -> Wallet:
        wallet = self.wallets.get(said.wallet)
        if wallet is None or wallet.client != said.client:
            raise No("not_found")
        return wallet

    def seen(self, said: Said) -> Movement:
        """Return the movement of the order if it belongs to the wallet."""
        number: int = said.movement
        movement = self.movements[number] if 0 <= number < len(self.movements) else None
        if movement is None or said.wallet not in movement.wallets:
            raise No("not_found")
        return movement

    def held_by(self, said: Said) -> Hold:
        """Return the hold of the order if it belongs to the wallet, and is not a freeze."""
        hold = self.held_in(said, said.hold)
        if hold.payee is None:
            raise No("not_found")
        return hold

    def frozen_by(self, said: Said) -> Hold:
        """Return the freeze of the order if it belongs to the wallet."""
        hold = self.held_in(said, said.freeze)
        if hold.payee is not None:
            raise No("not_found")
        return hold

    def held_in(self, said: Said, number: int) -> Hold:
        self.mine(said)
        hold = self.holds[number] if 0 <= number < len(self.holds) else None
        if hold is None or hold.payer != said.wallet:
            raise No("not_found")
        return hold

    def account(self, said: Said) -> Account | None:
        """Return the external account of the order if it belongs to the wallet."""
        found = 0 <= said.account < len(self.accounts)
        account = self.accounts[said.account] if found else None
        return account if account and account.wallet == said.wallet else None

    def is_mine(self, said: Said) -> bool:
        wallet = self.wallets.get(said.wallet)
        return wallet is not None and wallet.client == said.client

    def source(self, said: Said) -> None:
        """Refuse a transfer of an operation whose payer the client does not have."""
        if not self.is_mine(said):
            raise No("source_wallet_not_found", source_wallet_id=("wallet", said.wallet))

    # What may be

    def shape(self, said: Said) -> None:
        """Check the fields of an order about money, independently of the state."""
        if said.verb == "batch":
            self.mine(said)
            self.shapes(said, "movements")
            return
        if said.verb == "operation":
            self.shapes(said, "transfers")
            return
        values = dict(said.values)
        if values.get("alert_below"):
            self.minor(self.mine(said), said.alert_below, "alertBelow")
        if "amount" not in values:
            return
        wallet = self.mine(said)
        if said.amount is not None:
            self.minor(wallet, said.amount)
        if values.get("target") == said.wallet:
            raise No("invalid_fields", targetWalletId="same_wallet")

    def shapes(self, said: Said, name: str) -> None:
        """Check the fields of all items. The payers of an operation may be unknown here."""
        wrong: dict[str, str] = {}
        for index, item in enumerate(said.items):
            try:
                if said.verb == "operation" and item.target == item.wallet:
                    raise No("invalid_fields", targetWalletId="same_wallet")
                if said.verb == "batch" or self.is_mine(item):
                    self.shape(item)
            except No as no:
                wrong |= {f"{name}[{index}].{field}": no.facts[field] for field in no.facts}
        if wrong:
            raise No("invalid_fields", **wrong)

    def minor(self, wallet: Wallet, amount: Decimal, field: str = "amount") -> int:
        units = amount * 10 ** history.DECIMALS[wallet.currency]
        written = format(amount, "f").partition(".")[2]
        if amount <= 0:
            raise No("invalid_fields", **{field: "min_value"})
        if len(written) > history.DECIMALS[wallet.currency]:
            raise No("invalid_fields", **{field: "max_decimal_places"})
        if units >= LONGEST:
            raise No("invalid_fields", **{field: "max_digits"})
        return int(units)

    def ready(self, name: str) -> None:
        wallet = self.wallets[name]
        if wallet.status != "READY":
            raise No("wallet_not_ready", wallet_id=("wallet", name), status=wallet.status)
        status = self.users[wallet.user][1]
        if status != "ACTIVATED":
            raise No("user_not_active", user_id=("user", wallet.user), status=status)

    def enough(self, name: str, amount: int) -> None:
        available = self.available(name)
        if available < amount:
            texts = self.text(name, available), self.text(name, amount)
            about = ("wallet", name)
            raise No("insufficient_funds", wallet_id=about, available=texts[0], required=texts[1])

    def room(self, name: str, amount: int) -> None:
        balance = self.balance(name)
        if balance + amount > CEILING:
            texts = self.text(name, balance), self.text(name, amount)
            about = ("wallet", name)
            limit = {"limit_type": "walletBalance", "used": texts[0], "requested": texts[1]}
            raise No("limit_exceeded", wallet_id=about, **limit)

    def allowed(self, name: str, amount: int, *limits: str, payer: str = "") -> None:
        """Check the limits of the wallet's user; payments between its own wallets don't count."""
        if not self.is_limited(name) or self.is_limited(payer):
            return
        for limit in limits:
            if (used := self.used(limit)) + amount > history.LIMITS[limit]:
                texts = {"used": self.text(name, used), "requested": self.text(name, amount)}
                about = ("user", self.wallets[name].user)
                raise No("limit_exceeded", user_id=about, limit_type=limit, **texts)

    def receives(self, name: str, amount: int, *, payer: str) -> None:
        self.room(name, amount)
        self.allowed(name, amount, "balance", payer=payer)

    def parties(self, said: Said) -> int:
        """Return the amount if the wallet can pay the target now."""
        wallet = self.wallets[said.wallet]
        amount = self.minor(wallet, said.amount)
        target = self.wallets.get(said.target)
        if target is None or target.client != said.client:
            raise No("target_wallet_not_found", target_wallet_id=("wallet", said.target))
        self.ready(said.wallet)
        self.ready(said.target)
        if wallet.currency != target.currency:
            currencies = {"currency": target.currency, "order_currency": wallet.currency}
            raise No("currency_mismatch", wallet_id=("wallet", said.target), **currencies)
        self.enough(said.wallet, amount)
        return amount

    def future(self, said: Said) -> None:
        if said.expires_at is not None and said.expires_at <= self.now:
            raise No("invalid_fields", expiration="not_in_the_future")
