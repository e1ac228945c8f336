"""Addresses that are none, and methods that an address does not know."""

from __future__ import annotations

import pytest

from tests.support.refusals import refused
from tests.support.resources import ENDPOINTS, PATHS

pytestmark = pytest.mark.django_db

# --- Methods ------------------------------------------------------------------------------------

PLACES = {"/api/v1": {"GET"}, "/livez": {"GET"}, "/readyz": {"GET"}, "/api/schema": {"GET"}} | {
    f"/api/v1/{path}": {each.method for each in ENDPOINTS if each.path == path} for path in PATHS
}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "LINK"}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_wrong_method_gets_400_with_allow(place, api, there):
    address = place.format(**there)
    for method in METHODS - PLACES[place]:
        answer = refused(api.call(method, address, {}), 400, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == PLACES[place]


# --- Paths --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "/api",
        "/api/",
        "/api/v1/",
        "/api/v1/unknown",
        "/api/v1/users/",
        "/api/v1/wallets/",
        "/api/v1/users.json",
        "/api/v1//users",
        "/api/v1/users//",
        "/api/v1/Users",
        "/api/v1/users/{user}/",
        "/api/v1/users/{user}.json",
        "/api/v1/users/{user}/unknown",
        "/api/v1/wallets/{wallet}/movements/",
        "/api/v1/wallets/{wallet}/movement",
        "/api/v1/wallets/{wallet}/movements/batch/",
        "/api/v1/wallets/{wallet}/movements/batches",
        "/api/v1/wallets/{wallet}/movements/{movement}/reversal/",
        "/api/v1/wallets/{wallet}/movements/{movement}/reversals",
        "/api/v1/wallets/{wallet}/holds/",
        "/api/v1/wallets/{wallet}/holds/{hold}/",
        "/api/v1/wallets/{wallet}/holds/{hold}/execution",
        "/api/v1/wallets/{wallet}/externalAccounts",
        "/api/v1/wallets/{wallet}/balances",
        "/api/v1/wallets/{wallet}/statement.pdf",
        "/api/v1/users/%00",
        "/api/v1/users/%ff",
        "/api/v1/users/%ED%A0%80",
        "/api/v1/" + "x" * 5_000,
        "/api/v9/users",
        "/livez/",
        "/readyz/",
        "/unknown",
        "/wp-login.php",
    ],
)
def test_unknown_path_gets_404(address, api, there):
    path = address.format(**there)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        refused(api.call(method, path), 404, "not_found")


def test_unknown_path_gets_404_without_a_key(nobody):
    refused(nobody.get("/api/v1/unknown"), 404, "not_found")
