"""The endpoints of wallets, of movements, and of what a user's life does to wallets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors, money
from iocash.views import Accepted, Created, location
from users import life as users
from users import otp
from users.serializers import OtpOrder
from users.views import REPLAYED, ClientView, UserDetail, UserView
from wallets import ledger, life, posting, serializers
from wallets.books import Order, Outcome
from wallets.models import Movement, MovementQuerySet, Wallet

# --- Users, where their life touches wallets -----------------------------------------------------


class UserDetailWithEnd(UserDetail):
    """Read, replace, change or end one user."""

    body_classes = UserDetail.body_classes | {"PATCH": serializers.UserChangeOrEnd}
    refusals = UserDetail.refusals | {
        "PATCH": [*UserDetail.refusals["PATCH"], errors.WalletNotEmpty, errors.InvalidTransition]
    }

    def patch(self, request: Request, user_id: UUID) -> Response:
        values = self.body(partial=True)
        is_ending = values.pop("status", None) is not None
        user = self.user(user_id)
        with transaction.atomic():
            if values:
                users.change(client_id=user.client_id, user_id=user_id, values=values, by=self.by)
            if is_ending:
                posting.submit(
                    life.Unsubscribe(client_id=user.client_id, by=self.by, user_id=user_id)
                )
        return Response(self.show(self.user(user_id)))


class ValidateOtp(UserView):
    """Verify the phone number; a new user is then activated, and its first wallet opened."""

    body_classes = {"POST": OtpOrder}
    statuses = {"POST": [HTTPStatus.OK]}
    refusals = {
        "POST": [
            errors.InvalidOtp,
            errors.AlreadyVerified,
            errors.OtpExpired,
            errors.OtpTriedOut,
            errors.AlreadyExists,
        ]
    }

    def post(self, request: Request, user_id: UUID) -> Response:
        user = self.user(user_id)
        phone = otp.check(user, self.body()["otp"])
        posting.submit(
            life.Activate(client_id=user.client_id, by=self.by, user_id=user_id, phone=phone)
        )
        return Response(self.show(self.user(user_id)))


# --- Wallets -------------------------------------------------------------------------------------


class OrderView(ClientView):
    """A view below the wallets: what it is asked for becomes an order of the wallet's client."""

    def wallet(self, wallet_id: UUID) -> Wallet:
        wallet = Wallet.objects.owned_by(self.caller.client_id).filter(id=wallet_id).first()
        if wallet is None:
            raise errors.NotFound()
        return wallet

    def client_of(self, wallet_id: UUID) -> UUID:
        """The client for whom an order acts: the caller's, or for staff the wallet's."""
        return self.caller.client_id or self.wallet(wallet_id).client_id


class WalletView(OrderView):
    scope = "wallets"
    model = Wallet
    serializer_class = serializers.WalletAnswer

    def answer(self, outcome: Outcome) -> Response:
        shown = self.show(self.wallet(outcome.id))
        if outcome.status != HTTPStatus.CREATED:
            return Response(shown)
        where = location(self.request, "wallet", wallet_id=outcome.id)
        return Created(shown, where, headers=REPLAYED if outcome.replayed else {})


class WalletList(WalletView):
    """Open a wallet, or list those of the client."""

    collection = "wallets"
    query_class = serializers.WalletQuery
    body_classes = {"POST": serializers.WalletOrder}
    refusals = {
        "POST": [
            errors.UserNotFound,
            errors.UserNotActive,
            errors.LimitExceeded,
            errors.IdempotencyKeyReused,
        ]
    }

    def get(self, request: Request) -> Response:
        wallets = Wallet.objects.owned_by(self.caller.client_id).filter(**self.filters())
        return self.page(wallets)

    def post(self, request: Request) -> Response:
        order = life.OpenWallet(client_id=self.client_id, by=self.by, key=self.key, **self.body())
        return self.answer(posting.submit(order))


class WalletDetail(WalletView):
    """Read, put, change or close one wallet."""

    body_classes = {"PUT": serializers.WalletOrder, "PATCH": serializers.WalletChange}
    statuses = {"PUT": [HTTPStatus.OK, HTTPStatus.CREATED]}
    refusals = {
        "PUT": [
            errors.Immutable,
            errors.WalletNotReady,
            errors.UserNotFound,
            errors.UserNotActive,
            errors.LimitExceeded,
        ],
        "PATCH": [errors.WalletNotReady, errors.WalletNotEmpty],
    }

    def get(self, request: Request, wallet_id: UUID) -> Response:
        return Response(self.show(self.wallet(wallet_id)))

    def put(self, request: Request, wallet_id: UUID) -> Response:
        order = life.PutWallet(
            client_id=self.client_of(wallet_id), by=self.by, wallet_id=wallet_id, **self.body()
        )
        return self.answer(posting.submit(order))

    def patch(self, request: Request, wallet_id: UUID) -> Response:
        change = self.body(partial=True)
        order = life.ChangeWallet(
            client_id=self.client_of(wallet_id),
            by=self.by,
            wallet_id=wallet_id,
            alias=change.get("alias"),
            closing="status" in change,
        )
        return self.answer(posting.submit(order))


# --- Movements -----------------------------------------------------------------------------------


class MovementView(OrderView):
    scope = "movements"
    model = Movement
    serializer_class = serializers.MovementAnswer

    def movements(self, wallet_id: UUID) -> MovementQuerySet:
        return Movement.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id)


class MovementList(MovementView):
    """Move money out of or into a wallet, or list what happened to it."""

    collection = "movements"
    query_class = serializers.MovementQuery
    body_classes = {"POST": serializers.MovementOrder}
    statuses = {"POST": [HTTPStatus.CREATED, HTTPStatus.ACCEPTED]}
    refusals = {
        "POST": [
            errors.TargetWalletNotFound,
            errors.InsufficientFunds,
            errors.LimitExceeded,
            errors.CurrencyMismatch,
            errors.WalletNotReady,
            errors.UserNotActive,
            errors.IdempotencyKeyReused,
            errors.OutcomeUnknown,
        ]
    }

    def get(self, request: Request, wallet_id: UUID) -> Response:
        wallet = self.wallet(wallet_id)
        return self.page(self.matching(wallet, self.filters()))

    def matching(self, wallet: Wallet, filters: dict[str, Any]) -> MovementQuerySet:
        found = self.movements(wallet.id).within(
            filters.pop("start_date", None), filters.pop("end_date", None)
        )
        if direction := filters.pop("direction", None):
            found = found.directed(direction)
        if key := filters.pop("idempotency_key", None):
            found = found.made_with(wallet.client_id, key)
        if (least := minor(filters, "min_amount", wallet)) is not None:
            found = found.at_least(least)
        if (most := minor(filters, "max_amount", wallet)) is not None:
            found = found.at_most(most)
        return found.filter(**filters)

    def post(self, request: Request, wallet_id: UUID) -> Response:
        order = self.order(wallet_id, self.body())
        return self.moved(posting.submit(order))

    def order(self, wallet_id: UUID, values: dict[str, Any]) -> Order:
        kind = values.pop("type")
        target_id = values.pop("target_wallet_id", None)
        common: dict[str, Any] = values | {
            "client_id": self.client_of(wallet_id),
            "by": self.by,
            "key": self.key,
        }
        if kind == Movement.Type.TRANSFER:
            return ledger.Transfer(source=wallet_id, target=target_id, **common)
        if kind == Movement.Type.CASH_OUT:
            iban = common.pop("iban")["account_number"]
            return ledger.CashOut(source=wallet_id, iban=iban, **common)
        self.caller.require("cash-in:write")
        return ledger.CashIn(target=wallet_id, **common)

    def moved(self, outcome: Outcome) -> Response:
        movement = outcome.thing or Movement.objects.get(id=outcome.id)
        where = location(
            self.request, "movement", wallet_id=movement.wallet_id, movement_id=movement.id
        )
        answer = Accepted if outcome.status == HTTPStatus.ACCEPTED else Created
        headers = REPLAYED if outcome.replayed else {}
        return answer(self.show(movement), where, headers=headers)


def minor(filters: dict[str, Any], name: str, wallet: Wallet) -> int | None:
    """Take an amount out of the filters, in the wallet's minor units."""
    amount = filters.pop(name, None)
    if amount is None:
        return None
    try:
        return money.to_minor(amount, wallet.currency)
    except money.WrongAmount as wrong:
        public = "minAmount" if name == "min_amount" else "maxAmount"
        error = errors.FieldError(public, wrong.code, str(wrong))
        raise errors.InvalidParameters(error) from None


class MovementDetail(MovementView):
    """Read one movement of a wallet, or cancel a cash-out that was not yet sent to the bank."""

    body_classes = {"PATCH": serializers.MovementChange}
    refusals = {"PATCH": [errors.MovementNotPending, errors.CashOutSent]}

    def get(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        movement = self.movements(wallet_id).filter(id=movement_id).first()
        if movement is None:
            raise errors.NotFound()
        return Response(self.show(movement))

    def patch(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        self.body()
        order = ledger.Cancel(
            client_id=self.client_of(wallet_id),
            by=self.by,
            wallet_id=wallet_id,
            movement_id=movement_id,
        )
        return Response(self.show(posting.submit(order).thing))
