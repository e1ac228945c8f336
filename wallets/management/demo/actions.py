"""What members and staff do in the demo. Each function returns an action for `History.plan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.db import connections

from users import demo_documents, kyc, users
from users.kyc import NEEDED, Kind
from users.models import KycDocument
from wallets.management.demo.history import Action, History, Then, cents
from wallets.management.demo.members import Member, Part
from wallets.models import Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.external_accounts import AddExternalAccount
from wallets.orders.holds import ExecuteHold, PlaceHold, ReleaseHold
from wallets.orders.ibans import CreateIban
from wallets.orders.payments import CashIn, Reverse, Transfer
from wallets.orders.users import ActivateUser, BlockUser, UnsubscribeUser
from wallets.orders.wallets import BlockWallet

REJECTIONS: Final = ("The account is closed.", "The name does not match the account.")
FIRST_DNI: Final = 87_650_000
UNREADABLE: Final = "The picture is not readable."
UNANSWERED_SINCE: Final = timedelta(days=5)
"""Of the files of this time before the end, the bank does not answer the first cash-out."""

Orders = Iterator[tuple[Order, Then | None]]


# --- Members ------------------------------------------------------------------------------------


def join(member: Member, *, is_verified: bool = True) -> Action:
    """Create the user and, unless it never verifies its phone, open its wallet."""

    def action(history: History) -> Orders:
        client_id, by = history.client_id, history.by
        user = member.user = users.create(client_id=client_id, values=member.values, by=by).user
        if is_verified:
            order = ActivateUser(
                client_id=client_id, by=by, user_id=user.id, phone=user.mobile_phone
            )
            yield order, partial(opened, history, member)

    return action


def opened(history: History, member: Member, _: Outcome) -> None:
    """Remember the wallet of a member; companies get an IBAN, and name their bank account."""
    member.wallet_id = Wallet.objects.get(client=history.client_id, user=member.user).id
    if member.part != Part.PERSON:
        history.plan(history.after(minutes=45), name_accounts(member))


def name_accounts(member: Member) -> Action:
    def action(history: History) -> Orders:
        yield CreateIban(**history.about(member)), None
        names = {"alias": "Main account", "holder_name": member.name}
        yield AddExternalAccount(**history.about(member, iban=member.iban, **names)), None

    return action


def send_samples_of(member: Member, level: int) -> Action:
    """Send all that a level needs."""

    def action(history: History) -> Orders:
        if member.user:
            kinds = NEEDED[member.user.kind][level]
            demo_documents.send_samples(
                member.user, kinds, history.by, number=FIRST_DNI + member.number
            )
        return iter(())

    return action


def review_documents_of(member: Member, refused: Kind | None = None) -> Action:
    """Approve all documents that are pending, except one that is refused."""

    def action(history: History) -> Orders:
        if not member.user:
            return iter(())
        pending = KycDocument.objects.of(member.user).waiting().values_list("kind", "id")
        decide = partial(
            kyc.review,
            client_id=history.client_id,
            user_id=member.user.id,
            by=history.random.choice(history.staff),
        )
        if wrong := [each for kind, each in pending if kind == refused]:
            decide(document_ids=wrong, reason=UNREADABLE)
        if right := [each for kind, each in pending if kind != refused]:
            decide(document_ids=right)
        return iter(())

    return action


def block_user(member: Member, reason: str) -> Action:
    """Block the user, and unblock nothing."""

    def action(history: History) -> Orders:
        if member.user:
            order = BlockUser(
                client_id=history.client_id,
                by=history.staff[0],
                user_id=member.user.id,
                reason=reason,
            )
            yield order, None

    return action


def block_wallet(members: Sequence[Member]) -> Action:
    """Block the wallet of the first member who has one by then."""

    def action(history: History) -> Orders:
        for wallet_id in [each.wallet_id for each in members if each.wallet_id][:1]:
            fields = history.by_staff(wallet_id, reason="SUSPECTED_FRAUD")
            yield BlockWallet(**fields), None

    return action


def leave(member: Member, heir: Member) -> Action:
    """Pay what is left to another member; then close the user."""

    def action(history: History) -> Orders:
        if member.wallet_id and heir.wallet_id:
            left = available(history, [member])[member.wallet_id]
            if left:
                yield from pay(member, heir, left, "Closing my account")(history)
            history.plan(history.after(hours=1), close(member))

    return action


def close(member: Member) -> Action:
    def action(history: History) -> Orders:
        if member.user:
            order = UnsubscribeUser(
                client_id=history.client_id, by=history.by, user_id=member.user.id
            )
            yield order, None

    return action


# --- Payments -----------------------------------------------------------------------------------


def top_up(member: Member, amount: int, concept: str) -> Action:
    """Bring money from the outside. The bank repeats the reference in its statement."""

    def action(history: History) -> Orders:
        if member.wallet_id:
            values = {"amount": cents(amount), "concept": concept}
            values["reference"] = f"IN-{history.now:%y%m%d}-{next(history.numbers)}"
            yield CashIn(**history.about(member, **values)), None

    return action


def pay(
    member: Member,
    target: Member,
    amount: int,
    concept: str,
    *,
    reference: str | None = None,
    refund_after: float = 0,
) -> Action:
    """Pay another member; the money goes back after some hours, if `refund_after` says so."""

    def action(history: History) -> Orders:
        if member.wallet_id and target.wallet_id:
            values = {"amount": cents(amount), "concept": concept, "reference": reference}
            order = Transfer(**history.about(member, target_id=target.wallet_id, **values))
            yield order, partial(plan_refund, history, target, refund_after)

    return action


def plan_refund(history: History, shop: Member, hours: float, paid: Outcome) -> None:
    if hours:
        history.plan(history.after(hours=hours), refund(shop, paid))


def refund(shop: Member, paid: Outcome) -> Action:
    def action(history: History) -> Orders:
        movement = Movement.objects.get(client=history.client_id, id=paid.id)
        yield Reverse(**history.about(shop) | movement.reversible, concept="Refund"), None

    return action


def hold(
    member: Member, shop: Member, amount: int, *, days: float, is_left_open: bool = False
) -> Action:
    """Hold a deposit for a shop; it is paid, released, or left to expire after `days`."""

    def action(history: History) -> Orders:
        if member.wallet_id and shop.wallet_id:
            expires_at = history.now + timedelta(days=days)
            values = {"amount": cents(amount), "concept": "Deposit", "expires_at": expires_at}
            order = PlaceHold(**history.about(member, target_id=shop.wallet_id, **values))
            then = partial(plan_end, history, member, shop, days)
            yield order, None if is_left_open else then

    return action


def plan_end(history: History, member: Member, shop: Member, days: float, held: Outcome) -> None:
    lot = history.random.random()
    soon = history.after(days=days * history.random.uniform(0.3, 0.9))
    if lot < 0.65:
        history.plan(soon, end_hold(member, shop, held, is_paid=True))
    elif lot < 0.8:
        history.plan(soon, end_hold(member, shop, held, is_paid=False))


def end_hold(member: Member, shop: Member, held: Outcome, *, is_paid: bool) -> Action:
    def action(history: History) -> Orders:
        fields = history.about(member, hold_id=held.id)
        if is_paid and shop.wallet_id:
            yield ExecuteHold(**fields, target_id=shop.wallet_id, concept="Booking"), None
        else:
            yield ReleaseHold(**fields), None

    return action


# --- The bank -----------------------------------------------------------------------------------


def cash_out(member: Member, *, share: float, cancel: bool = False) -> Action:
    """Pay a share of what is available to the member's bank account."""

    def action(history: History) -> Orders:
        if not member.wallet_id:
            return
        left = available(history, [member])[member.wallet_id]
        if amount := int(left * share):
            account = {"iban": member.iban, "holder_name": member.name}
            values = {"amount": cents(amount), "concept": "To my account"}
            order = CashOut(**history.about(member, **account, **values))
            yield order, partial(note_request, history, member, cancel)

    return action


def note_request(history: History, member: Member, cancel: bool, made: Outcome) -> None:
    if cancel:
        history.plan(history.after(minutes=40), cancel_cash_out(member, made))
    elif member.wallet_id:
        history.to_send.append((history.now, member.wallet_id, made.id))


def cancel_cash_out(member: Member, made: Outcome) -> Action:
    def action(history: History) -> Orders:
        yield CancelCashOut(**history.about(member, movement_id=made.id)), None

    return action


def send_file(history: History) -> Orders:
    """Send to the bank what was requested until some hours ago."""
    until = history.now - timedelta(hours=3)
    for requested in [each for each in history.to_send if each[0] <= until]:
        _, wallet_id, movement_id = requested
        history.to_send.remove(requested)
        history.to_settle.append((history.now, wallet_id, movement_id))
        yield MarkCashOutSent(**history.by_staff(wallet_id, movement_id=movement_id)), None


def settle_file(history: History) -> Orders:
    """Settle or reject what was sent before; of the last files, the first stays unanswered."""
    answered, history.to_settle = history.to_settle, []
    is_late = history.end - history.now < UNANSWERED_SINCE
    for _, wallet_id, movement_id in answered[is_late:]:
        fields: dict[str, Any] = history.by_staff(wallet_id, movement_id=movement_id)
        if history.random.random() < 0.04:
            reason = history.random.choice(REJECTIONS)
            yield RejectCashOut(**fields, reason=reason), None
        else:
            yield SettleCashOut(**fields), None


def available(history: History, those: list[Member]) -> dict[Any, int]:
    """What is available to members now, in cents, by wallet."""
    ids = [member.wallet_id for member in those if member.wallet_id]
    found = Wallet.objects.filter(client=history.client_id, id__in=ids).values_list(
        "id", "balance", "held"
    )
    return {wallet_id: balance - held for wallet_id, balance, held in found}


# --- The database -------------------------------------------------------------------------------


def update_statistics(history: History) -> Orders:
    """Count the rows for the planner of PostgreSQL, which does so by itself after a minute only.

    Without it, a statement that checks a limit reads all movements.
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE users_user, wallets_wallet, wallets_movement")
    return iter(())
