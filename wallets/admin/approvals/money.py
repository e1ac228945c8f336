"""Actions with money that need an approval: cash-ins, adjustments, reversals; and what is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash import errors, money
from users.approvals.actions import ActionFact, Approvable, amount_text, register_action
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from users.models.idempotency import approval_key
from wallets import posting
from wallets.admin.approvals.bank_files import FILE_LABELS
from wallets.admin.facts import amount_facts, read_again, with_currency
from wallets.admin.reversals import amount_left
from wallets.models import Movement, Wallet
from wallets.orders.base import Order
from wallets.orders.payments import Adjust, CashIn, Reverse

LABELS: Final = {
    "client": _("Client"),
    "wallet": _("Wallet"),
    "movement": _("Movement"),
    "created": _("Created"),
    "reference": _("Reference"),
    "payer_wallet": _("Wallet of the payer"),
    "owner": _("Owner"),
    "owner_status": _("Status of the owner"),
    "wallet_status": _("Status of the wallet"),
    "balance": _("Balance"),
    "held": _("Held"),
    "available": _("Available"),
    "balance_after": _("Balance afterwards"),
    "payer": _("Goes back to"),
    "payer_balance": _("Balance of the payer"),
    "payer_after": _("Balance of the payer afterwards"),
    "left": _("Left to reverse"),
    "movement_status": _("Status of the payment"),
    "sent": _("Sent to the bank"),
    "iban": _("IBAN"),
    "holder": _("Holder of the account"),
    **FILE_LABELS,
}


def wallet_now(wallet: Wallet) -> list[ActionFact]:
    """Who owns the wallet, and the money in it. The wallet was read with `seen`."""
    return [
        ActionFact("client", wallet.user.client.name),
        ActionFact("owner", wallet.user.display_name),
        ActionFact("wallet", str(wallet.id)),
        ActionFact("owner_status", wallet.user.status),
        ActionFact("wallet_status", wallet.status),
        ActionFact("balance", amount_text(wallet.balance, wallet.currency)),
        ActionFact("held", amount_text(wallet.held_now, wallet.currency)),
        ActionFact("available", amount_text(wallet.available, wallet.currency)),
    ]


AMOUNTS: Final = frozenset(
    {
        *("balance", "held", "available", "balance_after", "left"),
        *("payer_balance", "payer_after"),
    }
)
"""The facts about wallets and movements that are amounts."""


def which_movement(movement: Movement) -> list[ActionFact]:
    """Which movement it is: its type and id, its time, and the reference of its client."""
    return [
        ActionFact("movement", f"{movement.type} {movement.id}"),
        ActionFact("created", movement.created_at.isoformat(timespec="seconds")),
        ActionFact("reference", movement.reference or ""),
    ]


def lock_wallets_of(users: Iterable[UUID]) -> None:
    """Lock all wallets of these users by id, as posting does."""
    found = Wallet.objects.filter(user_id__in=[*users]).order_by("id")
    list(found.select_for_update(no_key=True).values_list("id"))


class OrderAction(Approvable):
    """An order of the ledger. Its idempotency key is that of the approval."""

    def order(self, asked: Approval, **envelope: Any) -> Order:
        raise NotImplementedError

    def make(self, asked: Approval, by: By) -> Order:
        if asked.client_id is None:
            raise errors.Inconsistent("what an order is about has a client")
        key = approval_key(by.approval) if by.approval else None
        return self.order(asked, client_id=asked.client_id, by=by, key=key)

    def rehearse(self, asked: Approval, by: By) -> None:
        posting.dry_run(self.make(asked, by))


class MoneyAction(OrderAction):
    """An order of the ledger about the wallet that the payload names."""

    labels = LABELS
    amounts = AMOUNTS
    view = "wallets.view_wallet"

    def amount(self, asked: Approval) -> Decimal:
        return Decimal(money.to_text(asked.amount or 0, asked.currency))

    def wallets(self, asked: Approval) -> list[UUID]:
        """The wallets whose money it changes."""
        return [UUID(asked.payload["wallet"])]

    def lock(self, asked: Approval) -> None:
        owners = Wallet.objects.filter(id__in=self.wallets(asked)).values_list("user_id", flat=True)
        lock_wallets_of(set(owners))

    def perform(self, asked: Approval, by: By) -> UUID | None:
        outcome = posting.submit(self.make(asked, by))
        if outcome.replayed:
            raise errors.IdempotencyKeyReused(
                idempotency_key=str(asked.id), resource=outcome.made, id=outcome.id
            )
        return outcome.id

    def address(self, asked: Approval) -> str:
        return reverse(f"admin:wallets_{asked.subject}_change", args=[asked.subject_id])

    def details(self, asked: Approval) -> Sequence[tuple[Any, str]]:
        """The amount in figures and in words, and the texts of the asker."""
        texts = asked.texts or {}
        found = [
            *amount_facts(asked.amount or 0, asked.currency),
            (_("Concept"), texts.get("concept")),
            (_("Reason"), texts.get("reason")),
        ]
        return [(name, str(value)) for name, value in found if value]

    def values(self, asked: Approval) -> dict[str, str]:
        """What sentences about it need."""
        wallet = read_again(asked.payload["wallet"])
        shown = with_currency(asked.amount or 0, asked.currency)
        return {"amount": shown, "name": wallet.user.display_name}


class NewMovementAction(MoneyAction):
    """A movement between the outside and one wallet."""

    def change(self, asked: Approval) -> int:
        """What the balance changes by, in minor units."""
        return asked.amount or 0

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        wallet = read_again(asked.payload["wallet"])
        after = wallet.balance + self.change(asked)
        return [
            *wallet_now(wallet),
            ActionFact("balance_after", amount_text(after, wallet.currency)),
        ]


@register_action
class CashInAction(NewMovementAction):
    kind = ApprovalKind.CASH_IN
    label = _("Cash-in")
    permission = "wallets.add_cash_in"

    def order(self, asked: Approval, **envelope: Any) -> Order:
        return CashIn(
            **envelope,
            wallet_id=UUID(asked.payload["wallet"]),
            amount=self.amount(asked),
            concept=concept_of(asked),
        )

    def effect(self, asked: Approval) -> str:
        text = gettext("%(amount)s will be created in the wallet of %(name)s.")
        return text % self.values(asked)


@register_action
class AdjustmentAction(NewMovementAction):
    kind = ApprovalKind.ADJUSTMENT
    label = _("Adjustment")
    permission = "wallets.adjust_balance"

    def change(self, asked: Approval) -> int:
        amount = asked.amount or 0
        return -amount if asked.payload["is_debit"] else amount

    def order(self, asked: Approval, **envelope: Any) -> Order:
        return Adjust(
            **envelope,
            wallet_id=UUID(asked.payload["wallet"]),
            amount=self.amount(asked),
            is_debit=asked.payload["is_debit"],
            concept=concept_of(asked),
        )

    def effect(self, asked: Approval) -> str:
        if asked.payload["is_debit"]:
            text = gettext("%(amount)s will be taken from the wallet of %(name)s, as a correction.")
        else:
            text = gettext("%(amount)s will be added to the wallet of %(name)s, as a correction.")
        return text % self.values(asked)


@register_action
class ReversalAction(MoneyAction):
    kind = ApprovalKind.REVERSAL
    label = _("Reversal")
    permission = "wallets.reverse_movement"

    def wallets(self, asked: Approval) -> list[UUID]:
        movement = movement_of(asked)
        return [each for each in (movement.wallet_id, movement.counterparty_id) if each]

    def order(self, asked: Approval, **envelope: Any) -> Order:
        return Reverse(
            **envelope,
            **movement_of(asked).reversible,
            amount=self.amount(asked),
            concept=concept_of(asked),
        )

    def about_others(self, asked: Approval) -> Collection[str]:
        """The payee gives back; of payee and payer one is the user of the approval."""
        movement = movement_of(asked)
        if movement.counterparty_id is None:
            return ()
        return ("payer",) if movement.amount > 0 else ("owner",)

    def facts(self, asked: Approval) -> Sequence[ActionFact]:
        movement, amount = movement_of(asked), asked.amount or 0
        giver, other = movement.wallet_id, movement.counterparty_id
        if movement.amount < 0 and other:
            giver, other = other, giver
        wallet = read_again(giver)
        found = [
            *wallet_now(wallet),
            ActionFact("balance_after", amount_text(wallet.balance - amount, wallet.currency)),
            ActionFact("left", amount_text(amount_left(movement), movement.currency)),
            *which_movement(movement),
        ]
        if other:
            payer = read_again(other)
            found += [
                ActionFact("payer", payer.user.display_name),
                ActionFact("payer_wallet", str(payer.id)),
                ActionFact("payer_balance", amount_text(payer.balance, payer.currency)),
                ActionFact("payer_after", amount_text(payer.balance + amount, payer.currency)),
            ]
        return found

    def effect(self, asked: Approval) -> str:
        facts = dict(self.facts(asked))
        values = {**self.values(asked), "payee": facts["owner"], "payer": facts.get("payer", "")}
        if "payer" in facts:
            return gettext("%(amount)s goes back from %(payee)s to %(payer)s.") % values
        text = gettext("%(amount)s leaves the wallet of %(payee)s: the cash-in is undone.")
        return text % values


# --- What is asked for ----------------------------------------------------------------------------


def concept_of(asked: Approval) -> str | None:
    return (asked.texts or {}).get("concept") or None


def movement_of(asked: Approval) -> Movement:
    """The movement that it is about, with its owner.

    Raises:
        NotFound: there is none.
    """
    found = Movement.objects.filter(client=asked.client_id, id=asked.payload["movement"])
    found = found.select_related("wallet__user", "bank_file").defer("bank_file__content")
    movement = found.first()
    if movement is None:
        raise errors.NotFound()
    return movement


def asked_movement(wallet: Wallet, *, kind: str, amount: Decimal, concept: str) -> Approval:
    """The request for a cash-in or an adjustment: `kind` is that of the form of movements."""
    payload: dict[str, Any] = {"wallet": str(wallet.id)}
    action = ApprovalKind.CASH_IN
    if kind != "CASH_IN":
        action, payload = ApprovalKind.ADJUSTMENT, payload | {"is_debit": kind == "DOWN"}
    return Approval(
        kind=action,
        client_id=wallet.client_id,
        user_id=wallet.user_id,
        subject="wallet",
        subject_id=str(wallet.id),
        currency=wallet.currency,
        amount=money.to_minor(amount, wallet.currency),
        payload=payload,
        texts={"concept": concept},
    )


def asked_about(
    movement: Movement, kind: ApprovalKind, amount: int | None = None, **texts: str
) -> Approval:
    """The request for a reversal of a movement, or for the end of a cash-out."""
    other = movement.counterparty
    return Approval(
        kind=kind,
        client_id=movement.client_id,
        user_id=movement.wallet.user_id,
        counterparty_id=other.user_id if other else None,
        subject="movement",
        subject_id=str(movement.id),
        currency=movement.currency,
        amount=movement.magnitude if amount is None else amount,
        payload={"wallet": str(movement.wallet_id), "movement": str(movement.id)},
        texts=texts,
    )
