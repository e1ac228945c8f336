"""Move money from wallet to wallet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import exceptions, serializers, status
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from users.models import Event, Key, User
from users.models.fingerprints import Asked, canonical_digest, new_salt, salted
from users.models.ids import new_id
from wallets.books import chain
from wallets.models import Movement, Wallet

MOST = 10**17


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT


class OrderSerializer(serializers.Serializer):
    type = serializers.ChoiceField(["TRANSFER"])
    amount = serializers.DecimalField(max_digits=15, decimal_places=2, min_value=Decimal("0.01"))
    concept = serializers.CharField(max_length=140, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "targetWalletId": serializers.UUIDField()}


class MovementSerializer(serializers.ModelSerializer):
    amount = serializers.SerializerMethodField()
    balance_after = serializers.SerializerMethodField()
    direction = serializers.SerializerMethodField()

    class Meta:
        model = Movement
        fields = [
            "id",
            "wallet",
            "operation_id",
            "type",
            "direction",
            "status",
            "amount",
            "currency",
            "concept",
            "counterparty",
            "hold",
            "reversal_of",
            "balance_after",
            "iban",
            "reason",
            "metadata",
            "created_at",
            "sent_at",
            "settled_at",
        ]

    def get_amount(self, movement: Movement) -> str:
        return str(Decimal(abs(movement.amount)) / 100)

    def get_balance_after(self, movement: Movement) -> str:
        return str(Decimal(movement.balance_after or 0) / 100)

    def get_direction(self, movement: Movement) -> str:
        return "IN" if movement.amount > 0 else "OUT"


class MovementPages(PageNumberPagination):
    page_size = 20


class MovementList(APIView):
    def get(self, request: Request, wallet_id: UUID) -> Response:
        caller: Any = request.user
        wallet = get_object_or_404(Wallet, id=wallet_id, client=caller.client)
        movements = Movement.objects.filter(wallet=wallet).order_by("-created_at", "-id")
        pages = MovementPages()
        found = pages.paginate_queryset(movements, request, view=self)
        return pages.get_paginated_response(MovementSerializer(found, many=True).data)

    def post(self, request: Request, wallet_id: UUID) -> Response:
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        movement = transfer(
            caller=request.user,
            source_id=wallet_id,
            key=request.META.get("HTTP_IDEMPOTENCY_KEY"),
            values=serializer.validated_data,
        )
        location = request.build_absolute_uri(f"{request.path}/{movement.id}")
        return Response(
            MovementSerializer(movement).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": location},
        )


@transaction.atomic
def transfer(
    *, caller: Any, source_id: UUID, key: str | None, values: Mapping[str, Any]
) -> Movement:
    """Check and move, with both wallets locked; the order of the ids keeps deadlocks away."""
    target_id = values["targetWalletId"]
    wallets = {
        wallet.id: wallet
        for wallet in Wallet.objects.select_for_update(no_key=True)
        .filter(client=caller.client, id__in=[source_id, target_id])
        .order_by("id")
    }
    order = canonical_digest(Asked("Transfer", {"source": source_id, **values}))
    if key and (row := Key.objects.filter(client=caller.client, key=key).first()):
        if not row.used.is_of(order):
            raise Conflict("The key was used for another order.")
        return Movement.objects.get(id=row.made_id)
    source, target = wallets.get(source_id), wallets.get(target_id)
    if source is None or target is None or source == target:
        raise exceptions.NotFound()
    amount = int(values["amount"] * 100)
    require(source, target, amount)
    movement = pay(source, target, amount, values.get("concept"), caller)
    if key:
        salt = new_salt()
        Key.objects.create(
            client=caller.client,
            key=key,
            salt=salt,
            fingerprint=salted(salt, order),
            made="movement",
            made_id=movement.id,
            status=201,
        )
    return movement


def require(source: Wallet, target: Wallet, amount: int) -> None:
    """Refuse what the rules do not allow."""
    if source.currency != target.currency:
        raise Conflict("The wallets have different currencies.")
    for owner in User.objects.filter(id__in=[source.user_id, target.user_id]):
        if owner.status != User.Status.ACTIVATED:
            raise Conflict("An owner is not active.")
        if owner.level_on(timezone.now().date()) < 2:
            raise Conflict("A limit would be passed.")
    if {source.status, target.status} != {"READY"}:
        raise Conflict("A wallet is not ready.")
    if source.balance - source.held < amount:
        raise Conflict("Less is available.")
    if target.balance + amount > MOST:
        raise Conflict("The balance would be too high.")


def pay(source: Wallet, target: Wallet, amount: int, concept: str | None, caller: Any) -> Movement:
    settled = [each.settled_at + chain.TICK for each in (source, target) if each.settled_at]
    now = max([timezone.now(), *settled])
    operation_id = new_id()
    salt, details = chain.seal(concept, None, None)
    common = {
        "client": caller.client,
        "operation_id": operation_id,
        "type": Movement.Type.TRANSFER,
        "status": Movement.Status.SUCCESS,
        "currency": source.currency,
        "created_at": now,
        "concept": concept,
        "salt": salt,
        "details_digest": details,
    }
    settle(target, source, amount, now, common, caller)
    return settle(source, target, -amount, now, common, caller)


def settle(
    wallet: Wallet,
    counterparty: Wallet,
    amount: int,
    now: datetime,
    common: dict[str, Any],
    caller: Any,
) -> Movement:
    wallet.balance += amount
    wallet.received += max(amount, 0)
    wallet.seq += 1
    wallet.settled_at = now
    movement = Movement(
        id=new_id(),
        wallet=wallet,
        counterparty=counterparty,
        amount=amount,
        seq=wallet.seq,
        balance_after=wallet.balance,
        received_after=wallet.received,
        settled_at=now,
        **common,
    )
    movement.digest = wallet.head = chain.digest(bytes(wallet.head), movement)  # type: ignore[arg-type]
    movement.save(force_insert=True)
    wallet.save(update_fields=["balance", "received", "seq", "head", "settled_at"])
    Event.objects.create(
        client=caller.client,
        subject="movement",
        subject_id=movement.id,
        wallet_id=wallet.id,
        kind="movement.settled",
        actor=caller.actor,
    )
    return movement
