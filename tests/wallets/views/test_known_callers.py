"""Who reads with a key that is remembered is checked in the same trip, before anything is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from iocash.db import prepared
from tests.support import people
from tests.support.people import Api
from tests.support.resources import LINKS
from users import credentials
from users.models import ApiKey, Client
from wallets.models import Wallet
from wallets.views import wallets

pytestmark = pytest.mark.django_db

WALLET = "wallets/{wallet}"
ACROSS = ["users", "wallets", "movements", "holds", "external-accounts"]
READ = [
    WALLET,
    *(f"{WALLET}/{path}" for path in LINKS.values()),
    "users/{user}/compliance",
    *ACROSS,
]
"""What callers who are only remembered read."""

PAST, FUTURE = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
CHANGES: dict[str, dict[str, Any]] = {
    "credentials_revoked": {"revoked_at": PAST},
    "credentials_expired": {"expires_at": PAST},
    "insufficient_scope": {"scopes": ["cash-in:write"]},
}


@pytest.fixture(params=READ)
def address(request, alices):
    return request.param.format(wallet=alices.id, user=alices.user_id)


@pytest.fixture
def known(api, wallet):
    """The caller, whose key is remembered."""
    assert api.get(wallet).status == 200
    return api


def views(patterns: list[Any]) -> list[Any]:
    """Every view of the URL map."""
    found: list[Any] = []
    for each in patterns:
        inner = isinstance(each, URLResolver)
        found += views(each.url_patterns) if inner else [getattr(each.callback, "view_class", None)]
    return found


# --- How often the database is asked -------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_wallet_read_takes_one_round_trip(known, wallet, trips):
    assert known.get(wallet).status == 200
    assert len(trips) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    [
        *ACROSS,
        f"{WALLET}/movements",
        f"{WALLET}/holds",
        f"{WALLET}/external-accounts",
        f"{WALLET}/movements?type=CASH_IN",
        "movements?reference=lunch",
        "users?q=alice",
    ],
)
def test_page_takes_one_round_trip(known, alices, path, trips):
    assert known.get(path.format(wallet=alices.id)).status == 200
    assert len(trips) == 1


def test_cached_key_gets_the_same_response_as_a_new_key(client_demo, known, address):
    stranger = Api(people.a_key(client_demo))
    first, second = known.get(address), stranger.get(address)
    assert first.status == second.status == 200
    assert first.headers.get("ETag") == second.headers.get("ETag")
    assert {*first.json} == {*second.json}


# --- Who is no longer let in ---------------------------------------------------------------------


@pytest.mark.parametrize("code", CHANGES)
def test_changed_key_is_refused_immediately(known, address, code):
    ApiKey.objects.update(**CHANGES[code])
    answer = known.get(address)
    assert (answer.status, answer.code) == (403 if "scope" in code else 401, code)
    error = code if "scope" in code else "invalid_token"
    assert f'error="{error}"' in answer.headers["WWW-Authenticate"]


def test_suspended_client_is_refused_immediately(known, address):
    Client.objects.update(status=Client.Status.SUSPENDED)
    assert known.get(address).code == "client_suspended"


def test_deleted_key_is_refused_immediately(known, address):
    ApiKey.objects.all().delete()
    assert known.get(address).code == "invalid_credentials"


@pytest.mark.parametrize("asked", ["{}?surprise=1", f"wallets/{people.unknown_id()}"])
def test_revoked_key_gets_only_credentials_revoked(known, wallet, asked):
    ApiKey.objects.update(revoked_at=PAST)
    assert known.get(asked.format(wallet)).code == "credentials_revoked"


def test_revoked_key_gets_no_rate_headers(known, wallet, settings):
    settings.RATE_LIMIT = 10
    ApiKey.objects.update(revoked_at=PAST)
    answer = known.get(wallet)
    assert not [name for name in answer.headers if name.startswith(("RateLimit", "ETag"))]


# --- Who is let in again, or for something else --------------------------------------------------


def test_reactivated_client_is_accepted_immediately(known, address):
    Client.objects.update(status=Client.Status.SUSPENDED)
    assert known.get(address).status == 403
    Client.objects.update(status=Client.Status.ACTIVE)
    assert known.get(address).status == 200


def test_extended_key_is_accepted_immediately(known, address):
    ApiKey.objects.update(expires_at=PAST)
    assert known.get(address).status == 401
    ApiKey.objects.update(expires_at=FUTURE)
    assert known.get(address).status == 200


def test_new_scope_applies_immediately(client_demo, wallet):
    caller = Api(people.a_key(client_demo, "users:read"))
    assert caller.get("users").status == 200
    assert caller.get(wallet).code == "insufficient_scope"
    ApiKey.objects.update(scopes=["wallets:read"])
    assert caller.get(wallet).status == 200


def test_key_with_changed_scopes_is_still_accepted(known, address):
    ApiKey.objects.update(scopes=["users:read", "wallets:read", "movements:read"])
    assert known.get(address).status == 200


def test_changed_key_is_cached_again_after_one_request(known, wallet, trips):
    ApiKey.objects.update(scopes=["wallets:read"])
    assert known.get(wallet).status == 200
    trips.clear()
    assert known.get(wallet).status == 200
    assert len(trips) == 1


def test_request_with_a_changed_key_counts_once_towards_the_rate_limit(known, wallet, settings):
    settings.RATE_LIMIT = 10
    ApiKey.objects.update(scopes=["wallets:read"])
    answer = known.get(wallet)
    assert (answer.status, answer.headers["RateLimit"]) == (200, '"client";r=9;t=1')


# --- Whose things are shown ----------------------------------------------------------------------


def test_cached_key_of_another_client_finds_nothing(stranger, address):
    assert stranger.get("wallets").status == 200
    answer = stranger.get(address)
    if address in ACROSS:
        assert answer.status == 200
        assert not any(answer.json["_embedded"].values())
    else:
        assert (answer.status, answer.code) == (404, "not_found")


def test_unknown_wallet_is_not_found_in_one_round_trip(known, trips):
    assert known.get(f"wallets/{people.unknown_id()}").code == "not_found"
    assert len(trips) == 1


def test_query_for_a_changed_key_raises_stale_key(known, alices):
    """The row is not returned to the view either, and the proof stays due."""
    proof = credentials.Proof(credentials.remembered(known.secret))
    ApiKey.objects.update(revoked_at=PAST)
    with pytest.raises(credentials.StaleKey):
        proof.first(wallets_of(alices), alices.id)
    assert proof.is_due


def test_query_spends_the_proof_of_an_unchanged_key(known, alices):
    proof = credentials.Proof(credentials.remembered(known.secret))
    assert proof.is_due
    assert proof.first(wallets_of(alices), alices.id) == alices
    assert not proof.is_due


def wallets_of(wallet: Wallet) -> prepared.Question[Wallet]:
    return prepared.Question(lambda wallet_id: Wallet.objects.filter(id=wallet_id), 1)


# --- What holds for every view -------------------------------------------------------------------


def test_view_without_the_key_check_gets_500(known, wallet, monkeypatch):
    def forgetful(self, wallet_id):
        return Wallet.objects.seen().get(id=wallet_id)

    monkeypatch.setattr(wallets.WalletDetailView, "wallet", forgetful)
    known.browser.raise_request_exception = False
    answer = known.get(wallet)
    assert (answer.status, answer.code) == (500, "internal_error")


def test_every_view_for_cached_keys_is_tested():
    relying = {
        view
        for view in views(get_resolver().url_patterns)
        if (read := getattr(view, "operations", {}).get("GET")) and read.spends_proof
    }
    tried = {view for view in relying if not view.__module__.startswith("iocash.published")}
    assert len(tried) == len(READ)


def test_database_error_gets_database_unavailable(known, wallet, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(credentials, "fetch_each", fail)
    monkeypatch.setattr(credentials, "fetch", fail)
    assert known.get(wallet).code == "database_unavailable"
