"""What is promised about money, said a second time and as plainly as can be: the model.

Each verb says in turn what would refuse it, and then what it does to the world. It is written from
what the ledger promises, not from how the ledger keeps it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.model.history import Account, Hold, Made, Movement, No, Said, Wallet, line_of_bank
from tests.model.ledger_rules import Rules

MOST_WALLETS = 5
"""No user has more wallets open."""


def in_milliseconds(moment: datetime | None) -> str:
    """The moment as answers show it."""
    return moment.isoformat(timespec="milliseconds") if moment else ""


class Reference(Rules):
    """A world with verbs."""

    def play(self, said: Said) -> Made:
        """Run the order or replay its key; raise No for a refusal."""
        self.shape(said)
        used = self.keys.get((said.client, said.key)) if said.key else None
        if used:
            if used[0].without_version() != said.without_version():
                raise No("idempotency_key_reused", resource=used[1].kind)
            return replace(used[1], replayed=True)
        made: Made = getattr(self, said.verb)(said)
        if said.key:
            self.keys[said.client, said.key] = said, made
        return made

    # Paying

    def cash_in(self, said: Said) -> Made:
        amount = self.minor(self.mine(said), said.amount)
        self.ready(said.wallet)
        self.room(said.wallet, amount)
        self.allowed(said.wallet, amount, "cashIn", "balance")
        self.move("CASH_IN", None, said.wallet, amount)
        return self.moved(said.wallet)

    def transfer(self, said: Said) -> Made:
        amount = self.parties(said)
        self.receives(said.target, amount, payer=said.wallet)
        self.move("TRANSFER", said.wallet, said.target, amount)
        return self.moved(said.wallet)

    def adjust(self, said: Said) -> Made:
        wallet = self.mine(said)
        amount = self.minor(wallet, said.amount)
        if wallet.status == "UNSUBSCRIBED":
            raise No("wallet_not_ready", wallet_id=("wallet", said.wallet), status=wallet.status)
        if said.down:
            self.enough(said.wallet, amount)
            self.move("ADJUSTMENT", said.wallet, None, amount)
        else:
            self.room(said.wallet, amount)
            self.move("ADJUSTMENT", None, said.wallet, amount)
        return self.moved(said.wallet)

    def batch(self, said: Said) -> Made:
        return Made("batch", self.together(said), 201)

    def operation(self, said: Said) -> Made:
        """Each transfer has two legs in it: the payer's, then the payee's."""
        legs = []
        for kind, number, payer in self.together(said):
            legs += [(kind, number, payer), (kind, number, self.movements[number].payee)]
        return Made("operation", tuple(legs), 201)

    def together(self, said: Said) -> tuple[Any, ...]:
        """Do all that the items say, one after the other, or nothing of it."""
        before, refused = len(self.movements), []
        legs: list[Any] = []
        for index, item in enumerate(said.items):
            try:
                if said.verb == "operation":
                    self.source(item)
                made: Made = getattr(self, item.verb)(item)
                legs += made.names
            except No as no:
                refused.append({"index": index, "code": no.code, **no.facts})
        if refused:
            del self.movements[before:]
            raise No("batch_refused", refused=len(refused), count=len(said.items), items=refused)
        return tuple(legs)

    def reverse(self, said: Said) -> Made:
        self.mine(said)
        movement = self.seen(said)
        if movement.kind not in {"CASH_IN", "TRANSFER"}:
            raise No("movement_not_reversible", type=movement.kind)
        left = self.reversible(said.movement)
        amount = left if said.amount is None else self.minor(self.mine(said), said.amount)
        if not 0 < amount <= left:
            texts = self.text(said.wallet, left), self.text(said.wallet, amount)
            raise No("reversal_exceeded", left=texts[0], requested=texts[1])
        payer, payee = movement.payer, movement.payee
        assert payee, "what is given back came to somebody"
        self.ready(payee)
        if payer:
            self.ready(payer)
        self.enough(payee, amount)
        if payer:
            self.room(payer, amount)
        self.move("REVERSAL", payee, payer, amount, reverses=said.movement)
        return self.moved(said.wallet)

    # Holds

    def place(self, said: Said) -> Made:
        amount = self.parties(said)
        self.future(said)
        self.holds.append(Hold(said.wallet, said.target, amount, said.expires_at))
        return Made("hold", (("hold", len(self.holds) - 1),), 201)

    def open(self, said: Said) -> None:
        standing = self.standing(said.hold)
        if standing != "OPEN":
            raise No("hold_not_open", hold_id=("hold", said.hold), status=standing)

    def execute(self, said: Said) -> Made:
        hold = self.held_by(said)
        self.open(said)
        left = self.left(said.hold)
        amount = left if said.amount is None else self.minor(self.mine(said), said.amount)
        if amount > left:
            texts = self.text(said.wallet, left), self.text(said.wallet, amount)
            raise No("hold_exceeded", remaining=texts[0], requested=texts[1])
        assert hold.payee, "a freeze is never executed"
        self.ready(hold.payer)
        self.ready(hold.payee)
        self.receives(hold.payee, amount, payer=hold.payer)
        self.move("TRANSFER", hold.payer, hold.payee, amount, hold=said.hold)
        if amount == left or not said.keep_open:
            hold.ended, hold.ended_at = "EXECUTED", self.now
        return self.moved(said.wallet)

    def current(self, said: Said) -> Hold:
        """Return the hold if it has the caller's version."""
        hold = self.held_by(said)
        if said.if_match is not None and self.state(said.hold) not in said.if_match:
            raise No("version_conflict", current=("version", said.hold, self.state(said.hold)))
        return hold

    def release(self, said: Said) -> Made:
        hold = self.current(said)
        if hold.ended != "RELEASED":
            self.open(said)
            hold.ended, hold.ended_at = "RELEASED", self.now
        return Made("hold", (("hold", said.hold),), 200)

    def renew(self, said: Said) -> Made:
        hold = self.current(said)
        self.open(said)
        if in_milliseconds(said.expires_at) != in_milliseconds(hold.expires_at):
            self.future(said)
            hold.expires_at = said.expires_at
        return Made("hold", (("hold", said.hold),), 200)

    # Freezes

    def freeze(self, said: Said) -> Made:
        wallet = self.mine(said)
        amount = self.minor(wallet, said.amount)
        if wallet.status == "UNSUBSCRIBED":
            raise No("wallet_not_ready", wallet_id=("wallet", said.wallet), status=wallet.status)
        self.enough(said.wallet, amount)
        self.holds.append(Hold(said.wallet, None, amount, None))
        return Made("hold", (("hold", len(self.holds) - 1),), 201)

    def lift(self, said: Said) -> Made:
        frozen = self.frozen_by(said)
        if frozen.ended:
            raise No("hold_not_open", hold_id=("hold", said.freeze), status=frozen.ended)
        frozen.ended, frozen.ended_at = "RELEASED", self.now
        return Made("hold", (("hold", said.freeze),), 200)

    # Cash-outs

    def cash_out(self, said: Said) -> Made:
        amount = self.minor(self.mine(said), said.amount)
        if said.account is not None:
            about = {"external_account_id": ("account", said.account)}
            account = self.account(said)
            if account is None:
                raise No("external_account_not_found", **about)
            if account.status == "REMOVED":
                raise No("external_account_removed", **about)
        self.ready(said.wallet)
        self.enough(said.wallet, amount)
        self.allowed(said.wallet, amount, "cashOut")
        self.move("CASH_OUT", said.wallet, None, amount, status="PENDING")
        return self.moved(said.wallet, 202)

    def waiting(self, said: Said) -> Movement:
        self.mine(said)
        movement = self.seen(said)
        if movement.status != "PENDING":
            raise No("movement_not_pending", status=movement.status)
        return movement

    def ended(self, said: Said) -> Made:
        return Made("movement", (("movement", said.movement, said.wallet),), 200)

    def mark_sent(self, said: Said) -> Made:
        movement = self.waiting(said)
        if movement.sent_at:
            raise No("cash_out_sent", sent_at=movement.sent_at)
        movement.sent_at = self.now
        return self.ended(said)

    def settle(self, said: Said) -> Made:
        movement = self.waiting(said)
        if not movement.sent_at:
            raise No("cash_out_not_sent")
        movement.settled_at = max(movement.created_at, self.moment(said.wallet))
        movement.status = "SUCCESS"
        return self.ended(said)

    def reject(self, said: Said) -> Made:
        self.waiting(said).status = "ERROR"
        return self.ended(said)

    def settle_by_bank(self, said: Said) -> Made:
        return self.settle(said)

    def reject_by_bank(self, said: Said) -> Made:
        if not self.waiting(said).sent_at:
            raise No("cash_out_not_sent")
        return self.reject(said)

    def give_back(self, said: Said) -> Made:
        """The bank has returned a cash-out: neither limits nor a block refuse it."""
        wallet = self.mine(said)
        self.brought_back(said, None if said.amount is None else self.minor(wallet, said.amount))
        return self.moved(said.wallet)

    def brought_back(self, said: Said, amount: int | None) -> None:
        wallet, movement = self.mine(said), self.seen(said)
        if movement.kind != "CASH_OUT":
            raise No("movement_not_reversible", type=movement.kind)
        if movement.status != "SUCCESS":
            raise No("movement_not_settled", status=movement.status)
        left = self.reversible(said.movement)
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            texts = self.text(said.wallet, left), self.text(said.wallet, amount)
            raise No("reversal_exceeded", left=texts[0], requested=texts[1])
        if wallet.status == "UNSUBSCRIBED":
            raise No("wallet_not_ready", wallet_id=("wallet", said.wallet), status=wallet.status)
        self.room(said.wallet, amount)
        self.move("REVERSAL", None, said.wallet, amount, reverses=said.movement)

    # Lines of the bank

    def explain(self, said: Said) -> Made:
        """A credit of a statement is a cash-in; each line is explained once."""
        _currency, amount = line_of_bank(said.line)
        self.mine(said)
        self.ready(said.wallet)
        self.room(said.wallet, amount)
        self.allowed(said.wallet, amount, "cashIn", "balance")
        self.take_line(said)
        self.move("CASH_IN", None, said.wallet, amount)
        return self.moved(said.wallet, 200)

    def explain_return(self, said: Said) -> Made:
        """A credit of a statement brings a part of a cash-out back."""
        _currency, amount = line_of_bank(said.line)
        before = len(self.movements)
        self.brought_back(said, amount)
        try:
            self.take_line(said)
        except No:
            del self.movements[before:]
            raise
        return self.moved(said.wallet, 200)

    def take_line(self, said: Said) -> None:
        if said.line in self.explained:
            raise No("idempotency_key_reused", resource="bank line")
        self.explained.add(said.line)

    def cancel(self, said: Said) -> Made:
        self.mine(said)
        if self.seen(said).status == "CANCELLED":
            return self.ended(said)
        movement = self.waiting(said)
        if movement.sent_at:
            raise No("cash_out_sent", sent_at=movement.sent_at)
        movement.status = "CANCELLED"
        return self.ended(said)

    def add_account(self, said: Said) -> Made:
        wallet = self.mine(said)
        if wallet.status == "UNSUBSCRIBED":
            raise No("wallet_not_ready", wallet_id=("wallet", said.wallet), status=wallet.status)
        for number, account in enumerate(self.accounts):
            if (account.wallet, account.iban, account.status) == (said.wallet, said.iban, "ACTIVE"):
                raise No("already_exists", external_account_id=("account", number))
        self.accounts.append(Account(said.wallet, said.iban))
        return Made("account", (("account", len(self.accounts) - 1),), 201)

    def remove_account(self, said: Said) -> Made:
        self.mine(said)
        account = self.account(said)
        if account is None:
            raise No("not_found")
        account.status = "REMOVED"
        return Made("account", (("account", said.account),), 200)

    # Wallets and users

    def become(self, said: Said, before: str, after: str) -> Made:
        wallet = self.mine(said)
        if wallet.status != before:
            raise No("invalid_transition", status=wallet.status, requested=after)
        wallet.status = after
        return Made("wallet", (("wallet", said.wallet),), 200)

    def block_wallet(self, said: Said) -> Made:
        return self.become(said, "READY", "BLOCKED")

    def unblock_wallet(self, said: Said) -> Made:
        return self.become(said, "BLOCKED", "READY")

    def set_alert(self, said: Said) -> Made:
        """Set the alert of a wallet, or remove it; a negative amount is not one."""
        wallet = self.mine(said)
        alert = self.minor(wallet, said.alert_below, "alertBelow") if said.alert_below else None
        if alert != self.alert(said.wallet):
            if wallet.status == "UNSUBSCRIBED":
                status = wallet.status
                raise No("wallet_not_ready", wallet_id=("wallet", said.wallet), status=status)
            settled = wallet.count + len(self.history(said.wallet))
            wallet.alerts.append((settled, alert))
        return Made("wallet", (("wallet", said.wallet),), 200)

    def close_wallet(self, said: Said) -> Made:
        wallet = self.mine(said)
        if balance := self.balance(said.wallet):
            raise No("wallet_not_empty", balance=self.text(said.wallet, balance))
        wallet.status = "UNSUBSCRIBED"
        return Made("wallet", (("wallet", said.wallet),), 200)

    def change_user(self, said: Said, before: str, after: str) -> Made:
        user = self.users.get(said.user)
        if user is None or user[0] != said.client:
            raise No("not_found")
        if user[1] != before:
            raise No("invalid_transition", status=user[1], requested=after)
        user[1] = after
        return Made("user", (("user", said.user),), 200)

    def block_user(self, said: Said) -> Made:
        return self.change_user(said, "ACTIVATED", "BLOCKED")

    def unblock_user(self, said: Said) -> Made:
        return self.change_user(said, "BLOCKED", "ACTIVATED")

    def open_wallet(self, said: Said) -> Made:
        user = self.users.get(said.user)
        about = {"user_id": ("user", said.user)}
        if user is None or user[0] != said.client:
            raise No("user_not_found", **about)
        if user[1] != "ACTIVATED":
            raise No("user_not_active", status=user[1], **about)
        used = sum(
            wallet.user == said.user and wallet.status != "UNSUBSCRIBED"
            for wallet in self.wallets.values()
        )
        if used >= MOST_WALLETS:
            raise No("wallet_limit_reached", open=used, max_wallets=MOST_WALLETS, **about)
        name = f"wallet {len(self.wallets)}"
        self.wallets[name] = Wallet(said.client, said.user, said.currency)
        return Made("wallet", (("wallet", name),), 201)
