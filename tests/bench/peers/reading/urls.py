"""The product's URL map, and two views that answer what a wallet might be."""

from __future__ import annotations

import os
from functools import cache
from uuid import UUID

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iocash import urls
from iocash.db.transactions import fetch_each
from users.credentials import READ_BY_ID, Credentials
from wallets.models.wallets import SEEN

handler400 = urls.handler400
handler403 = urls.handler403
handler404 = urls.handler404
handler500 = urls.handler500

ID = "0198c0de-0000-7000-8000-000000000000"
URL = f"http://127.0.0.1:8000/api/v1/wallets/{ID}"
WALLET = {
    "id": ID,
    "clientId": ID,
    "userId": ID,
    "currency": "EUR",
    "status": "READY",
    "alias": "",
    "iban": None,
    "dltAddress": "",
    "dltNetwork": "",
    "balance": "100000.00",
    "heldBalance": "0.00",
    "availableBalance": "100000.00",
    "metadata": None,
    "createdAt": "2026-01-01T00:00:00.000Z",
    "_links": {"self": {"href": URL}, "user": {"href": URL}, "movements": {"href": URL}},
}


class Plain(APIView):
    """DRF alone: nobody is asked who they are."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()


class Constant(Plain):
    """Nothing is looked for."""

    def get(self, request: Request) -> Response:
        return Response(WALLET)


class Trip(Plain):
    """The same answer, after the one trip to the database that a GET of a wallet makes.

    What a GET of a wallet costs beside it is all that can be made faster without another way to
    PostgreSQL.
    """

    def get(self, request: Request, wallet_id: UUID) -> Response:
        key = bench_key()
        fetch_each(SEEN.about(key.client_id, wallet_id), (READ_BY_ID, [key.id]))
        return Response(WALLET)


@cache
def bench_key() -> Credentials:
    return Credentials.of_secret(os.environ["BENCH_WORD"])


urlpatterns = [
    path("api/v1/constant", Constant.as_view()),
    path("api/v1/trips/<uuid:wallet_id>", Trip.as_view()),
    *urls.urlpatterns,
]
