"""Move money from account to account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from hordak.models import Account
from moneyed import EUR, Money
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT


class OrderSerializer(serializers.Serializer):
    type = serializers.ChoiceField(["TRANSFER"])
    amount = serializers.DecimalField(max_digits=13, decimal_places=2, min_value=Decimal("0.01"))

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "targetWalletId": serializers.UUIDField()}


class MovementList(APIView):
    def post(self, request: Request, wallet_id: UUID) -> Response:
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        amount = Money(serializer.validated_data["amount"], EUR)
        target_id = serializer.validated_data["targetWalletId"]
        with transaction.atomic():
            source = get_object_or_404(Account.objects.select_for_update(), uuid=wallet_id)
            target = get_object_or_404(Account, uuid=target_id)
            if source.get_simple_balance() < amount:
                raise Conflict("Less is available.")
            made = source.transfer_to(target, amount)
        return Response(
            {
                "id": made.uuid,
                "walletId": source.uuid,
                "type": "TRANSFER",
                "amount": str(amount.amount),
                "currency": "EUR",
                "counterpartyWalletId": target.uuid,
                "createdAt": made.timestamp,
            },
            status=status.HTTP_201_CREATED,
        )
