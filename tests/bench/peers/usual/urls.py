"""One endpoint, at the product's address."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.bench.peers.usual import views


def live(request: HttpRequest) -> HttpResponse:
    return HttpResponse("{}", content_type="application/json")


urlpatterns = [
    path("livez", live),
    path("api/v1/wallets/<uuid:wallet_id>/movements", views.MovementList.as_view()),
]
