"""The rules of the machine about wallets: who may pay and receive, and how much."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from tests.model.user_machine import AMOUNTS, NAMES, submitted, turn
from tests.model.user_rules import SELDOM, TURN, Machine
from tests.model.user_state import BALANCE, CASH_IN, CASH_OUT, MOST_WALLETS, CashOut, Hold, Wallet
from tests.support.people import Answer
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.wallets import BlockWallet, UnblockWallet

IBAN = {"accountNumber": "ES9121000418450200051332"}


def text(amount: int) -> str:
    return f"{amount / 100:.2f}"


class MoneyMachine(Machine):
    """Moves money exactly when both users can pay and receive and no limit is exceeded."""

    def some_wallet(self, turn: int, client: str = "") -> Wallet | None:
        """Choose an existing wallet, if any; usable ones with money more often."""
        all_ = [
            wallet
            for person in self.people.values()
            if client in {"", person.client}
            for wallet in person.wallets
        ]
        ready = [wallet for wallet in all_ if not wallet.refusal]
        rich = [wallet for wallet in ready if wallet.available]
        found = all_ + ready * 4 + rich * 4
        return found[turn % len(found)] if found else None

    # --- Wallets ----------------------------------------------------------------------------------

    @turn(2, name=NAMES, stranger=SELDOM)
    def open_wallet(self, name: str, stranger: bool) -> None:
        person = self.people[name]
        if not person.status:
            return
        refusal = "" if person.status == "ACTIVATED" else "user_not_active"
        used = sum(wallet.status != "UNSUBSCRIBED" for wallet in person.wallets)
        if not refusal and used >= MOST_WALLETS:
            refusal = "wallet_limit_reached"
        api, body = self.api(person.client, stranger), {"userId": str(person.id)}
        refusal = "user_not_found" if stranger else refusal
        call = partial(api.post, "wallets", body)
        if answer := self.do(call, refusal, 201, ["wallet.opened"], name="open_wallet"):
            person.wallets.append(Wallet(person, UUID(answer.json["id"])))

    @turn(2, turn=TURN, verb=st.sampled_from(["block", "unblock", "unblock", "close"]))
    def change_wallet(self, turn: int, verb: str) -> None:
        """Block, unblock or close a wallet; a blocked one is mostly unblocked."""
        wallet = self.some_wallet(turn)
        all_ = [wallet for person in self.people.values() for wallet in person.wallets]
        blocked = [wallet for wallet in all_ if wallet.status == "BLOCKED"]
        if verb == "unblock" and blocked and turn % 5:
            wallet = blocked[turn % len(blocked)]
        if wallet is None:
            return None
        if verb == "close":
            return self.close(wallet)
        before, after = {"block": ("READY", "BLOCKED"), "unblock": ("BLOCKED", "READY")}[verb]
        refusal = "" if wallet.status == before else "invalid_transition"
        order = {"block": BlockWallet, "unblock": UnblockWallet}[verb]
        client_id, by = self.clients[wallet.owner.client], self.by
        said = order(client_id=client_id, by=by, wallet_id=wallet.id, reason="OTHER")
        name = f"{verb}_wallet"
        if self.do(lambda: submitted(said), refusal, 200, [f"wallet.{verb}ed"], name=name):
            wallet.status = after
        return None

    def close(self, wallet: Wallet) -> None:
        api, refusal = self.api(wallet.owner.client), "wallet_not_empty" if wallet.balance else ""
        told = ["wallet.unsubscribed"] * (wallet.status != "UNSUBSCRIBED")
        body = {"status": "UNSUBSCRIBED"}
        call = partial(api.patch, f"wallets/{wallet.id}", body)
        if self.do(call, refusal, 200, told, name="close_wallet"):
            wallet.status = "UNSUBSCRIBED"

    # --- Money ------------------------------------------------------------------------------------

    @turn(8, turn=TURN, amount=AMOUNTS, stranger=SELDOM)
    def cash_in(self, turn: int, amount: int, stranger: bool) -> None:
        wallet = self.some_wallet(turn)
        if wallet is None:
            return
        self.bring(wallet, amount, stranger)

    def bring(self, wallet: Wallet, amount: int, stranger: bool = False) -> None:
        owner, refusal = wallet.owner, wallet.refusal
        if not refusal and (owner.passes(CASH_IN, amount) or owner.passes(BALANCE, amount)):
            refusal = "limit_exceeded"
        api, body = self.api(owner.client, stranger), {"type": "CASH_IN", "amount": text(amount)}
        refusal = "not_found" if stranger else refusal
        call = partial(api.post, f"wallets/{wallet.id}/movements", body)
        if self.do(call, refusal, 201, [], name="cash_in"):
            wallet.balance += amount
            owner.flows[CASH_IN] += amount

    def bring_money(self) -> None:
        for person in self.people.values():
            for wallet in person.wallets:
                self.bring(wallet, 45_00)
                self.each_change_has_one_event_with_its_actor()

    def refusal_of_place(self, source: Wallet, target: Wallet, amount: int) -> str:
        """Return the refusal when the target's owner would exceed the balance limit."""
        passes = target.owner is not source.owner and target.owner.passes(BALANCE, amount)
        return "limit_exceeded" if passes else ""

    @turn(9, turn=TURN, other=TURN, amount=AMOUNTS, holding=st.booleans())
    def pay(self, turn: int, other: int, amount: int, holding: bool) -> None:
        """Transfer money or place a hold."""
        source = self.some_wallet(turn)
        target = self.some_wallet(other, source.owner.client if source and other % 20 else "")
        if source is None or target is None or source is target:
            return None
        refusal = source.refusal or target.refusal
        if source.owner.client != target.owner.client:
            refusal = "target_wallet_not_found"
        if not refusal and source.available < amount:
            refusal = "insufficient_funds"
        body = {"targetWalletId": str(target.id), "amount": text(amount)}
        if holding:
            return self.hold(source, target, body, amount, refusal)
        refusal = refusal or self.refusal_of_place(source, target, amount)
        api = self.api(source.owner.client)
        address, body = f"wallets/{source.id}/movements", body | {"type": "TRANSFER"}
        if self.do(lambda: api.post(address, body), refusal, 201, [], name="transfer"):
            source.balance -= amount
            target.balance += amount
        return None

    def hold(
        self, source: Wallet, target: Wallet, body: dict[str, Any], amount: int, refusal: str
    ) -> None:
        api = self.api(source.owner.client)
        call = partial(api.post, f"wallets/{source.id}/holds", body)
        if answer := self.do(call, refusal, 201, [], name="hold"):
            self.holds.append(Hold(answer.json["id"], source, target, amount))
            source.held += amount

    @turn(6, turn=TURN)
    def execute(self, turn: int) -> None:
        self.end_hold(turn, releasing=False)

    @turn(3, turn=TURN)
    def release(self, turn: int) -> None:
        """A separate turn, because some games never drew it within another turn."""
        self.end_hold(turn, releasing=True)

    def end_hold(self, turn: int, *, releasing: bool) -> None:
        """Execute or release a hold; the second attempt is refused."""
        if not self.holds:
            return
        open_ = [hold for hold in self.holds if hold.is_open]
        holds = self.holds + open_ * 3
        hold = holds[turn % len(holds)]
        source, target, api = hold.source, hold.target, self.api(hold.source.owner.client)
        path = f"wallets/{source.id}/holds/{hold.id}"
        refusal = "" if hold.is_open or (releasing and hold.is_released) else "hold_not_open"
        if releasing:
            call = partial(api.patch, path, {"status": "RELEASED"})
            status = 200
        else:
            refusal = refusal or source.refusal or target.refusal
            refusal = refusal or self.refusal_of_place(source, target, hold.amount)
            call = partial(api.post, f"{path}/executions")
            status = 201
        name = "release" if releasing else "execute"
        if self.do(call, refusal, status, [], name=name):
            if not hold.is_open:  # was released before
                return
            hold.is_open, hold.is_released = False, releasing
            source.held -= hold.amount
            moved = 0 if releasing else hold.amount
            source.balance -= moved
            target.balance += moved

    @turn(5, turn=TURN, amount=AMOUNTS)
    def cash_out(self, turn: int, amount: int) -> None:
        wallet = self.some_wallet(turn)
        if wallet is None:
            return
        refusal = wallet.refusal
        if not refusal and wallet.available < amount:
            refusal = "insufficient_funds"
        if not refusal and wallet.owner.passes(CASH_OUT, amount):
            refusal = "limit_exceeded"
        api, body = self.api(wallet.owner.client), {"type": "CASH_OUT", "amount": text(amount)}
        call = partial(api.post, f"wallets/{wallet.id}/movements", body | {"iban": IBAN})
        if answer := self.do(call, refusal, 202, [], name="cash_out"):
            self.cash_outs.append(CashOut(UUID(answer.json["id"]), wallet, amount))
            wallet.held += amount
            wallet.owner.flows[CASH_OUT] += amount

    @turn(3, turn=TURN, rejecting=st.booleans())
    def end_cash_out(self, turn: int, rejecting: bool) -> None:
        """Settle or reject a cash-out in any status of its owner."""
        if not self.cash_outs:
            return
        pending = [each for each in self.cash_outs if each.is_pending]
        found = self.cash_outs + pending * 3
        there = found[turn % len(found)]
        refusal = "" if there.is_pending else "movement_not_pending"
        name = "reject_cash_out" if rejecting else "settle"
        call = partial(self.ended, there, rejecting)
        if self.do(call, refusal, 200, [], name=name):
            there.is_pending = False
            there.wallet.held -= there.amount
            if rejecting:
                there.wallet.owner.flows[CASH_OUT] -= there.amount
            else:
                there.wallet.balance -= there.amount

    def ended(self, there: CashOut, rejecting: bool) -> Answer:
        about: dict[str, Any] = {
            "client_id": self.clients[there.wallet.owner.client],
            "by": self.by,
            "wallet_id": there.wallet.id,
            "movement_id": there.id,
        }
        if rejecting:
            return submitted(RejectCashOut(**about, reason="No such account"))
        if there.is_pending:
            submitted(MarkCashOutSent(**about))
        return submitted(SettleCashOut(**about))
