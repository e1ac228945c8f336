"""Decide about lines in suspense: one member of staff asks, another one approves or refuses.

What was asked is checked when it is asked and again when it is approved, and carried out in the
transaction of the approval: a decision is used once, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import IntegrityError

from iocash import errors, money
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.approvals.second import require_two_people
from users.models import Client
from users.models.events import By
from wallets import posting
from wallets.bank import booking, matching, repeated
from wallets.models import BankAccount, BankDecision, BankLine, BankOutcome, Movement, Wallet
from wallets.models.bank_lines import Suspense
from wallets.orders.bank_lines import ExplainLine

MOST_PARTS: Final = 50
Kind, Status = BankDecision.Kind, BankOutcome.Status
OUTCOMES: Final = {
    Kind.RETURN: Status.RETURNED,
    Kind.IGNORE: Status.IGNORED,
    Kind.SPLIT: Status.SPLIT,
    Kind.SAME: Status.SAME,
}
"""The outcome of a line by the decision, if it moves no money of wallets."""

DOUBTED: Final = frozenset(
    {Suspense.NOT_NOTIFIED, Suspense.REPEATED, Suspense.RESTATED, Suspense.UNDATED}
)
"""Why a line can be a payment that another line has."""

EXPLAINED: Final = errors.Message("This line is explained already.")


def ask_for_decision(
    line: BankLine,
    kind: str,
    *,
    by: By,
    reason: str,
    wallet: Wallet | None = None,
    movement: Movement | None = None,
    amounts: Sequence[int] = (),
    pair: BankLine | None = None,
) -> BankDecision:
    """Ask for a decision about a line in suspense. `amounts` are in minor units.

    Raises:
        InvalidFields: it can't be carried out, or another decision about the line is open.
    """
    decision = BankDecision(
        line=line,
        kind=kind,
        client_id=wallet.client_id if wallet else None,
        wallet=wallet,
        movement=movement,
        amounts=[*amounts],
        pair=pair,
        reason=reason,
        asked_by=by.actor,
    )
    check_decision(decision)
    try:
        with single_transaction():
            decision.save(force_insert=True)
    except IntegrityError:
        raise not_possible(
            errors.Message("Another decision about this line waits for its approval.")
        ) from None
    return decision


def answer_decision(decision: BankDecision, *, by: By, is_approved: bool) -> BankDecision:
    """Approve a decision and carry it out, or refuse it.

    Raises:
        InvalidFields: it was answered before, or the same person has asked; or it can't be carried
            out any more. It stays open.
        PermissionDenied: the two are not independent, or one is no active member of staff any more.
        Refused: the ledger does not allow it. It stays open.
    """
    with single_transaction():
        # As imports do: a notification of the same payment is stored before or after, not beside.
        BankAccount.objects.select_for_update(no_key=True).get(lines=decision.line_id)
        locked = BankDecision.objects.locked().get(id=decision.id)
        if locked.answered_at is not None:
            raise not_possible(errors.Message("This decision was answered already."))
        if locked.asked_by == by.actor:
            raise not_possible(errors.Message("Another person must answer: you have asked for it."))
        require_two_people(locked.asked_by, by.actor)
        locked.answered_by, locked.answered_at = by.actor, clock.now()
        locked.is_approved = is_approved
        locked.save(update_fields=["answered_by", "answered_at", "is_approved"])
        if is_approved:
            check_decision(locked)
            carry_out(locked, by)
            booking.close_lines([locked.line])
    return locked


def carry_out(decision: BankDecision, by: By) -> None:
    """Write what was decided, in the transaction of the approval.

    Raises:
        InvalidFields: the line was explained in the meantime.
        Refused: the ledger does not allow it.
    """
    if decision.kind == Kind.ASSIGN:
        posting.submit(order_of_assignment(decision))
        return
    if decision.kind == Kind.SAME and decision.pair:
        confirm_pair(decision.pair, decision.line)
    try:
        BankOutcome.objects.create(
            line=decision.line,
            status=OUTCOMES[Kind(decision.kind)],
            pair=decision.pair,
            decision_id=decision.id,
            reason=decision.reason,
            actor=by.actor,
        )
    except IntegrityError:
        raise not_possible(EXPLAINED) from None
    BankLine.objects.bulk_create(lines_of_parts(decision))


def confirm_pair(pair: BankLine, line: BankLine) -> None:
    """Note on a line that a statement has it, since the line that is the same is of one."""
    rows = BankLine.objects.filter(id=pair.id, confirmed_by=None)
    rows.update(confirmed_by=line.confirmed_by_id)


def order_of_assignment(decision: BankDecision) -> ExplainLine:
    """The order of an ASSIGN. Its actor is the bank, and its decision has the two members."""
    about: dict[str, Any] = {"decision_id": decision.id, "reason": decision.reason}
    line, movement, wallet = decision.line, decision.movement, decision.wallet
    if movement is not None:
        settles = movement.status == Movement.Status.PENDING
        returns = line.sign > 0 and movement.type == Movement.Type.CASH_OUT
        return matching.explained_by(line, movement, settles=settles, returns=returns, **about)
    if wallet is None:
        raise errors.Inconsistent("an assignment has a wallet")
    return matching.cash_in(line, wallet, **about)


def lines_of_parts(decision: BankDecision) -> list[BankLine]:
    """The lines of the parts of a SPLIT; none for another decision."""
    line, found = decision.line, []
    names = [field.attname for field in BankLine._meta.concrete_fields]
    own = {"id", "created_at", "parent_id", "part", "amount", "reason", "is_open"}
    same = {name: getattr(line, name) for name in names if name not in own}
    for part, amount in enumerate(decision.amounts, start=1):
        found.append(BankLine(**same, parent=line, part=part, amount=amount, reason=Suspense.PART))
    return found


def check_decision(decision: BankDecision) -> None:
    """Refuse what can't be carried out.

    Raises:
        InvalidFields: as its text says.
    """
    line = decision.line
    if BankOutcome.objects.filter(line=line).exists():
        raise not_possible(EXPLAINED)
    if decision.kind == Kind.ASSIGN:
        check_assignment(decision, line)
    elif decision.kind == Kind.SPLIT:
        check_parts(decision.amounts, line)
    elif decision.kind == Kind.RETURN:
        check_return(decision.pair, line)
    elif decision.kind == Kind.SAME:
        check_same(decision.pair, line)
    if decision.kind in {Kind.ASSIGN, Kind.SPLIT}:
        check_no_twin(line)


def check_assignment(decision: BankDecision, line: BankLine) -> None:
    """Refuse a wallet or a movement that the line can't be about (InvalidFields)."""
    wallet, movement = decision.wallet, decision.movement
    if wallet is None or not line.account.clients.filter(id=wallet.client_id).exists():
        raise not_possible(
            errors.Message("The money of this wallet is not in the account of the line."), "wallet"
        )
    if wallet.currency != line.currency:
        raise not_possible(
            errors.Message("The wallet has another currency than the line."), "wallet"
        )
    if movement is not None:
        check_movement(movement, wallet, line)
    elif line.sign < 0:
        raise not_possible(
            errors.Message("A debit needs the payment out that it pays."), "movement"
        )
    elif wallet.client.cash_ins != Client.CashIns.BANK:
        words = "This client orders its cash-ins over the API: name the cash-in of the line."
        raise not_possible(errors.Message(words), "movement")


def check_movement(movement: Movement, wallet: Wallet, line: BankLine) -> None:
    """Refuse a movement that the line can't be (InvalidFields)."""
    if movement.wallet_id != wallet.id or movement.counterparty_id is not None:
        raise not_possible(
            errors.Message("This is no movement of the wallet from or to the outside."), "movement"
        )
    is_return = movement.type == Movement.Type.CASH_OUT and line.sign > 0
    if is_return:  # the ledger counts what was returned of it before
        return
    if movement.amount != line.signed_amount:
        words = errors.Message(
            "The movement is about {amount} {currency}, and the line about {line} {currency}.",
            amount=money.to_text(movement.amount, movement.currency),
            line=money.to_text(line.signed_amount, line.currency),
            currency=line.currency,
        )
        raise not_possible(words, "movement")
    if movement.status not in {Movement.Status.SUCCESS, Movement.Status.PENDING}:
        raise not_possible(errors.Message("The movement was rejected or cancelled."), "movement")
    if BankOutcome.objects.filter(movement=movement).exists():
        raise not_possible(errors.Message("The movement belongs to another line."), "movement")


def check_parts(amounts: Sequence[int], line: BankLine) -> None:
    """Refuse parts that are not the line (InvalidFields)."""
    if not 2 <= len(amounts) <= MOST_PARTS or min(amounts) <= 0:
        words = errors.Message("Enter 2 to {limit} amounts, each above zero.", limit=MOST_PARTS)
        raise not_possible(words, "amounts")
    if sum(amounts) != line.amount:
        words = errors.Message(
            "The parts add up to {sum} {currency}, and the line is {line} {currency}.",
            sum=money.to_text(sum(amounts), line.currency),
            line=money.to_text(line.amount, line.currency),
            currency=line.currency,
        )
        raise not_possible(words, "amounts")


def check_return(pair: BankLine | None, line: BankLine) -> None:
    """Refuse a return that is not one (InvalidFields): a debit names the credit that it returns."""
    if line.sign > 0:
        if pair is not None:
            raise not_possible(
                errors.Message("Only a debit names the credit that it returns."), "pair"
            )
        return
    if pair is None or pair.account_id != line.account_id or pair.signed_amount != line.amount:
        raise not_possible(
            errors.Message("Name the returned credit: of this account, with this amount."), "pair"
        )
    if not BankOutcome.objects.filter(line=pair, status=Status.RETURNED).exists():
        raise not_possible(
            errors.Message("The credit has not been returned. Decide that first."), "pair"
        )
    if BankOutcome.objects.filter(pair=pair).exists():
        raise not_possible(errors.Message("Another debit has returned this credit."), "pair")


def check_same(pair: BankLine | None, line: BankLine) -> None:
    """Refuse a pair that can't be the same payment, or is no payment of its own (InvalidFields)."""
    if line.reason not in DOUBTED:
        words = errors.Message("Only a line that the bank may have stated before can be the same.")
        raise not_possible(words)
    if pair is None or not repeated.twins(line).filter(id=pair.id).exists():
        other = "Name the other line: of this account, with this amount, and near this date."
        raise not_possible(errors.Message(other), "pair")
    if BankOutcome.objects.filter(pair=pair, status=Status.SAME).exists():
        raise not_possible(errors.Message("Another line is the same as this one already."), "pair")


def check_no_twin(line: BankLine) -> None:
    """Refuse to book a line while another one can be the same payment (InvalidFields).

    One of the two is notified, and no statement has it; the other is of a statement, and was not
    notified.
    """
    entry = line.parent or line
    twin = repeated.rivals(entry).first() if entry.reason in DOUBTED else None
    if twin is not None:
        words = errors.Message(
            "The line {id} can be this payment. Decide first whether the two are the same.",
            id=twin.id,
        )
        raise not_possible(words)


def not_possible(words: str, field: str = "line") -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError(field, "refused", words))
