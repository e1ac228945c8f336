"""Pay out a user with money, and then close it.

Two people agree to it: see `wallets.admin.approvals.pay_outs`. The approval has the id of the
closing, and its cash-outs name it.

1. `start` stores the closing and the cash-outs that it will order.
2. `order_payment` orders each of them. It has its own idempotency key, which is derived from the
   closing, so a repetition pays nothing twice.
3. When the bank has paid, the wallets are empty, and `finish` closes the user and its wallets.

The wallets are not blocked meanwhile: a cash-out can't be ordered from a blocked wallet. If money
comes in, or a cash-out was rejected, `wallets.admin.approvals.pay_again` orders another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext, ngettext

from iocash import errors, money
from iocash.db import clock
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.history import names_of
from users.models import Key, User
from users.models.events import By
from users.models.idempotency import staff_key
from users.users import ACTIVATED
from wallets import posting
from wallets.admin.refusals import explain_refusal
from wallets.models import Closing, ClosingPayment, Hold, Movement, Wallet
from wallets.orders.cash_outs import CashOut
from wallets.orders.users import UnsubscribeUser

FIND_CLOSING: Final = "SELECT FROM wallets_closing WHERE id = %s AND state = %s"


@dataclass(frozen=True, slots=True)
class ClosingStep:
    """A cash-out of a closing; without a movement it was not ordered yet."""

    payment: ClosingPayment
    movement: Movement | None

    @property
    def is_pending(self) -> bool:
        return self.movement is not None and self.movement.status == Movement.Status.PENDING


def refuse(*texts: str) -> errors.InvalidFields:
    """A refusal of a closing in the words of staff."""
    return errors.InvalidFields(*(errors.FieldError("closing", "refused", text) for text in texts))


# --- Reading --------------------------------------------------------------------------------------


def open_wallets(user: User) -> list[Wallet]:
    """The wallets that are not closed, by id, with what is held now."""
    found = Wallet.objects.seen().filter(client=user.client_id, user=user.id)
    return list(found.exclude(status=Wallet.Status.UNSUBSCRIBED).order_by("id"))


def amounts_to_pay(user: User) -> dict[UUID, int]:
    """What the open wallets have to pay out now, by their ids, in minor units."""
    return {each.id: each.available for each in open_wallets(user) if each.available}


def covered_amounts(user: User, amounts: Mapping[UUID, int]) -> list[tuple[Wallet, int]]:
    """What is paid of these amounts now: of each wallet at most what it has, by id."""
    pairs = [(each, min(each.available, amounts.get(each.id, 0))) for each in open_wallets(user)]
    return [(wallet, amount) for wallet, amount in pairs if amount]


def steps_of_closing(closing: Closing) -> list[ClosingStep]:
    """The cash-outs of a closing, in the order in which they were stored; three statements."""
    payments = list(closing.payments.select_related("wallet").order_by("id"))
    keys = {each.key: each for each in payments}
    used = Key.objects.filter(client=closing.client_id, key__in=[*keys])
    made = dict(used.values_list("key", "made_id"))
    movements = Movement.objects.in_bulk([*made.values()])
    return [ClosingStep(each, movements.get(made.get(each.key))) for each in payments]


def last_steps(closing: Closing) -> dict[UUID, ClosingStep]:
    """The last cash-out of each wallet."""
    return {step.payment.wallet_id: step for step in steps_of_closing(closing)}


def obstacles(user: User, wallets: Sequence[Wallet]) -> Iterator[str]:
    """What stands in the way of a closing, in sentences with the way out."""
    name = {"name": user.display_name}
    if user.status != ACTIVATED and any(each.balance for each in wallets):
        text = gettext(
            "%(name)s is not active, so nothing can be paid out. Unblock the user first."
        )
        yield text % name
    for wallet in wallets:
        if wallet.balance and wallet.status != Wallet.Status.READY:
            text = gettext("The wallet in %(currency)s is blocked. Unblock it first.")
            yield text % {"currency": wallet.currency}
    ids = [each.id for each in wallets]
    yield from held_amounts(ids)
    pending = Movement.objects.filter(wallet__in=ids, status=Movement.Status.PENDING).count()
    if pending:
        yield (
            ngettext(
                "%(count)d payment out is pending. Settle or reject it first.",
                "%(count)d payments out are pending. Settle or reject them first.",
                pending,
            )
            % {"count": pending}
        )


def held_amounts(wallet_ids: Sequence[UUID]) -> Iterator[str]:
    """The open freezes and holds, as obstacles."""
    open_ones = Hold.objects.filter(wallet__in=wallet_ids).standing(Hold.Status.OPEN)
    holds, frozen = open_ones.promised().count(), open_ones.frozen().count()
    if frozen:
        yield (
            ngettext(
                "%(count)d amount is frozen. Lift the freeze first.",
                "%(count)d amounts are frozen. Lift the freezes first.",
                frozen,
            )
            % {"count": frozen}
        )
    if holds:
        yield (
            ngettext(
                "%(count)d hold is open. Release it, or wait until it is paid or expires.",
                "%(count)d holds are open. Release them, or wait until they are paid or expire.",
                holds,
            )
            % {"count": holds}
        )


def cash_out_of(closing: Closing, payment: ClosingPayment, by: By) -> CashOut:
    return CashOut(
        client_id=closing.client_id,
        by=by,
        key=payment.key,
        wallet_id=payment.wallet_id,
        amount=Decimal(money.to_text(payment.amount, payment.currency)),
        iban=closing.iban,
        holder_name=closing.holder_name or None,
    )


# --- The actions ----------------------------------------------------------------------------------


def rehearse(
    user: User, *, iban: str, holder_name: str, amounts: Mapping[UUID, int], by: By
) -> None:
    """Refuse what would stand in the way of a closing now, and change nothing.

    Raises:
        InvalidFields: something stands in the way; each error is a sentence.
    """
    require_none_under_way(user)
    found = list(obstacles(user, open_wallets(user)))
    if not found:
        closing = Closing(client_id=user.client_id, user=user, iban=iban, holder_name=holder_name)
        found = [*refusals_of(closing, covered_amounts(user, amounts), by)]
    if found:
        raise refuse(*found)


def refusals_of(closing: Closing, paid: Iterable[tuple[Wallet, int]], by: By) -> Iterator[str]:
    """Why these cash-outs would be refused now, in sentences."""
    for wallet, amount in paid:
        try:
            posting.dry_run(cash_out_of(closing, payment_from(closing, wallet, amount, by), by))
        except errors.Refused as refused:
            yield f"{wallet.currency}: {explain_refusal(refused)[1]}"


def payment_from(
    closing: Closing, wallet: Wallet, amount: int, by: By, attempt: int = 1
) -> ClosingPayment:
    return ClosingPayment(
        closing=closing,
        wallet=wallet,
        attempt=attempt,
        amount=amount,
        currency=wallet.currency,
        actor=by.actor,
    )


def start(
    user: User, *, iban: str, holder_name: str, amounts: Mapping[UUID, int], by: By, key: UUID
) -> Closing:
    """Store a closing and its first cash-outs. `key` becomes its id: a repetition returns it.

    The user is locked. `amounts` has the most that is paid of each wallet.

    Raises:
        IdempotencyKeyReused: the key made another closing.
        InvalidFields: another closing is under way, or something stands in the way.
    """
    with single_transaction():
        owner = User.objects.filter(client=user.client_id).locked().get(id=user.id)
        closing = Closing.objects.filter(id=key).first()
        if closing:
            require_same_order(closing, user, iban, holder_name)
            return closing
        require_none_under_way(owner)
        if found := [*obstacles(owner, open_wallets(owner))]:
            raise refuse(*found)
        closing = Closing.objects.create(
            id=key,
            client_id=owner.client_id,
            user=owner,
            iban=iban,
            holder_name=holder_name,
            actor=by.actor,
        )
        for wallet, amount in covered_amounts(owner, amounts):
            payment_from(closing, wallet, amount, by).save(force_insert=True)
        note_witness(Witness(FIND_CLOSING, [closing.id, closing.state]))
    return closing


def require_none_under_way(user: User) -> None:
    """
    Raises:
        InvalidFields: a closing of the user is under way.
    """
    if other := Closing.objects.of_users([user.id]).first():
        who = names_of({other.actor}).get(other.actor, other.actor)
        raise refuse(gettext("%(who)s has ordered the closing of this user.") % {"who": who})


def require_same_order(closing: Closing, user: User, iban: str, holder_name: str) -> None:
    """Require that a used key ordered this closing.

    Raises:
        IdempotencyKeyReused: it ordered another one.
    """
    if (closing.user_id, closing.iban, closing.holder_name) != (user.id, iban, holder_name):
        made = str(closing.id)
        raise errors.IdempotencyKeyReused(idempotency_key=made, resource="closing", id=made)


def order_payment(closing: Closing, payment: ClosingPayment, by: By) -> None:
    """Order a cash-out of a closing.

    Raises:
        Refused: a rule does not allow it, or `by` is a member of staff without an approval.
        DatabaseError: nothing was changed.
    """
    posting.submit(cash_out_of(closing, payment, by))


def order_payments(closing: Closing, by: By) -> None:
    """Order the last cash-out of each wallet that has no movement yet.

    Raises:
        Refused: as `order_payment`; those before it were ordered.
        DatabaseError: as `order_payment`.
    """
    for step in last_steps(closing).values():
        if closing.is_under_way and step.movement is None:
            order_payment(closing, step.payment, by)


def locked_closing(closing: Closing) -> Closing:
    """The closing, locked and under way.

    Raises:
        InvalidFields: it has ended.
    """
    found = Closing.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    closing = found.get(id=closing.id)
    if not closing.is_under_way:
        who = names_of({closing.ended_by}).get(closing.ended_by, closing.ended_by)
        values = {"who": who, "state": closing.get_state_display()}
        raise refuse(gettext("This closing has ended: %(state)s (%(who)s).") % values)
    return closing


def finish(closing: Closing, by: By) -> None:
    """Close the user with its wallets, by one order, and then the closing.

    Raises:
        Refused: the user can't be closed, for example because a wallet has money.
        DatabaseError: nothing was changed.
    """
    order = UnsubscribeUser(
        client_id=closing.client_id,
        by=by,
        key=staff_key(f"closing-{closing.id}-end"),
        user_id=closing.user_id,
    )
    posting.submit(order)
    end(closing, Closing.State.DONE, by)


def stop(closing: Closing, by: By) -> None:
    """Stop a closing: the user stays open; cash-outs that were ordered stay as they are.

    Raises:
        InvalidFields: it has ended.
    """
    with single_transaction():
        end(locked_closing(closing), Closing.State.STOPPED, by)


def end(closing: Closing, state: Closing.State, by: By) -> None:
    """End a closing, unless it has ended."""
    with single_transaction():
        Closing.objects.filter(id=closing.id).under_way().update(
            state=state, ended_at=clock.now(), ended_by=by.actor
        )
        note_witness(Witness(FIND_CLOSING, [closing.id, state.value]))


def finish_all_paid(by: By) -> list[Closing]:
    """Finish all closings whose users have no money left, whoever has settled their last payment.

    It can be repeated: a closing is finished once.
    """
    money_left = Wallet.objects.filter(user=OuterRef("user"), balance__gt=0)
    empty = Closing.objects.under_way().filter(~Exists(money_left))
    return finish_paid(empty.values_list("user_id", flat=True), by)


def finish_paid(user_ids: Iterable[UUID], by: By) -> list[Closing]:
    """Finish the closings of these users whose wallets are empty; return those that are done.

    What is refused stays under way; its page shows why. The duty `finish-closings` repeats it.
    """
    done = []
    for closing in Closing.objects.of_users({*user_ids}).select_related("user"):
        if any(each.balance for each in open_wallets(closing.user)):
            continue
        try:
            finish(closing, by)
        except errors.Refused:
            continue
        done.append(closing)
    return done
