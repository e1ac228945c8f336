"""The product's URL map, and a view that does nothing but answer what a wallet might be."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iocash import urls

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


class Constant(APIView):
    """DRF alone: nobody is asked who they are, and nothing is looked for."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def get(self, request: Request) -> Response:
        return Response(WALLET)


urlpatterns = [path("api/v1/constant", Constant.as_view()), *urls.urlpatterns]
