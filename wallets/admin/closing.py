"""Pay out a user with money, and then close it.

Two people agree to it: see `wallets.admin.approvals.pay_outs`. The approval has the id of the
closing, and all of its cash-outs name it.

1. `start` stores the closing and the cash-outs that it will order, in one transaction.
2. `order_payments` orders those that have no movement yet. Each has its own idempotency key, which
   is derived from the closing, so a repetition pays nothing twice.
3. When the bank has paid, the wallets are empty, and `finish` closes the user and its wallets.

The wallets are not blocked meanwhile: a cash-out can't be ordered from a blocked wallet. If money
comes in, or a cash-out was rejected, `order_again` orders another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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
from users.models import Approval, Key, User
from users.models.approvals import ApprovalKind
from users.models.events import By
from users.models.idempotency import staff_key
from users.users import ACTIVATED
from wallets import posting
from wallets.admin.refusals import explain_refusal
from wallets.models import Closing, ClosingPayment, Hold, Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import CashOut
from wallets.orders.users import UnsubscribeUser

FIND_CLOSING: Final = "SELECT FROM wallets_closing WHERE id = %s AND state = %s"
FIND_PAYMENT: Final = "SELECT FROM wallets_closingpayment WHERE id = %s"


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


def fingerprint_of(wallets: Iterable[Wallet]) -> str:
    """A digest of the balances that a member of staff confirms."""
    text = ",".join(f"{each.id}:{each.balance}:{each.held_now}" for each in wallets)
    return hashlib.sha256(text.encode()).hexdigest()


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


# --- The acts -------------------------------------------------------------------------------------


def rehearse(user: User, *, iban: str, holder_name: str, by: By) -> list[Wallet]:
    """Return the wallets that a closing would pay out now, and change nothing.

    Raises:
        InvalidFields: something stands in the way; each error is a sentence.
    """
    require_none_under_way(user)
    wallets = open_wallets(user)
    found = list(obstacles(user, wallets))
    if not found:
        closing = Closing(client_id=user.client_id, user=user, iban=iban, holder_name=holder_name)
        for wallet in wallets:
            if wallet.available:
                try:
                    posting.dry_run(cash_out_of(closing, payment_from(closing, wallet, 1, by), by))
                except errors.Refused as refused:
                    found.append(f"{wallet.currency}: {explain_refusal(refused)[1]}")
    if found:
        raise refuse(*found)
    return wallets


def payment_from(closing: Closing, wallet: Wallet, attempt: int, by: By) -> ClosingPayment:
    return ClosingPayment(
        closing=closing,
        wallet=wallet,
        attempt=attempt,
        amount=wallet.available,
        currency=wallet.currency,
        actor=by.actor,
    )


def start(user: User, *, iban: str, holder_name: str, seen: str, by: By, key: UUID) -> Closing:
    """Store a closing and its first cash-outs. `key` becomes its id: a repetition returns it.

    The user is locked. `seen` is the fingerprint of the balances that were confirmed.

    Raises:
        IdempotencyKeyReused: the key made another closing.
        InvalidFields: another closing is under way, the balances have changed, or something
            stands in the way.
    """
    with single_transaction():
        owner = User.objects.filter(client=user.client_id).locked().get(id=user.id)
        closing = Closing.objects.filter(id=key).first()
        if closing:
            require_same_order(closing, user, iban, holder_name)
            return closing
        require_none_under_way(owner)
        wallets = open_wallets(owner)
        if found := [*obstacles(owner, wallets)]:
            raise refuse(*found)
        if fingerprint_of(wallets) != seen:
            raise refuse(gettext("The balances have changed. Check them again."))
        closing = Closing.objects.create(
            id=key,
            client_id=owner.client_id,
            user=owner,
            iban=iban,
            holder_name=holder_name,
            actor=by.actor,
        )
        for wallet in wallets:
            if wallet.available:
                payment_from(closing, wallet, 1, by).save(force_insert=True)
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


def order_payments(closing: Closing, by: By) -> list[str]:
    """Order the last cash-out of each wallet that has no movement yet; return the refusals.

    They name the approval of the closing. Without one, those of a member of staff are refused.
    """
    if not closing.is_under_way:
        return []
    by = approved_to_pay(closing, by)
    steps = [each for each in last_steps(closing).values() if each.movement is None]
    answers = posting.submit_each([cash_out_of(closing, each.payment, by) for each in steps])
    return [
        f"{step.payment.currency}: {explain_refusal(answer)[1]}"
        for step, answer in zip(steps, answers, strict=True)
        if not isinstance(answer, Outcome)
    ]


def approved_to_pay(closing: Closing, by: By) -> By:
    """Who orders the cash-outs, with the approval of the closing if it has one."""
    approved = Approval.objects.filter(
        id=closing.id, kind=ApprovalKind.PAY_OUT, state=Approval.State.APPROVED
    )
    if by.is_staff and not by.approval and approved.exists():
        return By(by.actor, by.request_id, closing.id)
    return by


def order_again(closing: Closing, by: By) -> list[str]:
    """Order cash-outs of what the wallets have, where none is pending; return the refusals.

    A cash-out without a movement keeps its key if its amount still fits: it may have been ordered.

    Raises:
        InvalidFields: the closing has ended.
    """
    with single_transaction():
        closing = locked_closing(closing)
        last = last_steps(closing)
        for wallet in open_wallets(closing.user):
            step = last.get(wallet.id)
            if not wallet.available or (step and step.is_pending):
                continue
            if step and not step.movement and step.payment.amount == wallet.available:
                continue
            attempt = step.payment.attempt + 1 if step else 1
            new = payment_from(closing, wallet, attempt, by)
            new.save(force_insert=True)
            note_witness(Witness(FIND_PAYMENT, [new.id]))
    return order_payments(closing, by)


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

    What is refused stays under way; its page shows why.
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
