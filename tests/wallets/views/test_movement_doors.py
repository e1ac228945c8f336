"""The doors of the endpoints of movements: for keys, for staff, and while a wallet is busy."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.support import people, threads
from tests.support.people import Api, cash, to
from users.models import Event, Key
from wallets.models import Movement

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()

ENDPOINTS = [
    ("GET", "wallets/{wallet}/movements", "movements:read"),
    ("POST", "wallets/{wallet}/movements", "movements:write"),
    ("GET", "wallets/{wallet}/movements/{movement}", "movements:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_request_without_a_key_gets_401(nobody, bobs, there, method, path, scope):
    answer = nobody.call(method, path.format(**there), to(bobs))
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="ioCash", scope=')


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_key_without_the_scope_gets_403(client_demo, bobs, there, method, path, scope):
    others = {"movements:read", "movements:write", "wallets:write", "cash-in:write"} - {scope}
    answer = Api(people.a_key(client_demo, *others)).call(method, path.format(**there), to(bobs))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert scope in answer.json["detail"]
    assert Movement.objects.count() == 1


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_key_with_the_scope_is_accepted(client_demo, bobs, there, method, path, scope):
    answer = Api(people.a_key(client_demo, scope)).call(method, path.format(**there), to(bobs))
    assert answer.status in {200, 201}


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_wallet_of_another_client_gets_404(stranger, bobs, there, method, path, scope):
    theirs = stranger.call(method, path.format(**there), to(bobs))
    unknown = stranger.call(method, path.format(wallet=UNKNOWN, movement=UNKNOWN), to(bobs))
    assert (theirs.status, theirs.code) == (404, "not_found")
    assert unknown.json["detail"] == theirs.json["detail"]
    assert Movement.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "wallets/1/movements"),
        ("POST", "wallets/1/movements"),
        ("GET", "wallets/1/movements/{movement}"),
        ("GET", "wallets/{wallet}/movements/1"),
        ("GET", "wallets/{wallet}/movements/{movement}x"),
    ],
)
def test_malformed_id_gets_404(api, bobs, there, method, path):
    answer = api.call(method, path.format(**there), to(bobs))
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "wallets/{wallet}/movements", ["GET", "POST", "HEAD", "OPTIONS"]),
        ("PATCH", "wallets/{wallet}/movements", ["GET", "POST", "HEAD", "OPTIONS"]),
        ("DELETE", "wallets/{wallet}/movements", ["GET", "POST", "HEAD", "OPTIONS"]),
        ("POST", "wallets/{wallet}/movements/{movement}", ["GET", "PATCH", "HEAD", "OPTIONS"]),
        ("PUT", "wallets/{wallet}/movements/{movement}", ["GET", "PATCH", "HEAD", "OPTIONS"]),
        ("DELETE", "wallets/{wallet}/movements/{movement}", ["GET", "PATCH", "HEAD", "OPTIONS"]),
    ],
)
def test_wrong_method_gets_400(api, there, method, path, allow):
    answer = api.call(method, path.format(**there), {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert answer.headers["Allow"].split(", ") == allow
    assert Movement.objects.count() == 1


# --- Staff, and the database ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("one_person_acts")
def test_staff_act_for_the_wallets_client_and_are_recorded(staff, alices, bobs, path):
    desk = Api(None)
    desk.browser.force_login(staff)
    assert desk.post(path, cash()).status == 201
    assert desk.post(path, cash(), key="k").status == 201
    assert desk.post(path, to(bobs)).code == "permission_denied"
    assert Key.objects.get().client_id == alices.client_id
    actors = set(Event.objects.filter(wallet_id=alices.id).values_list("actor", flat=True))
    assert f"staff:{staff.pk}" in actors
    assert desk.post(f"wallets/{UNKNOWN}/movements", cash()).status == 404


def test_staff_without_the_permission_get_permission_denied(alices, path, django_user_model):
    desk = Api(None)
    desk.browser.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert desk.post(path, cash()).code == "permission_denied"
    assert desk.get(path).code == "permission_denied"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_request_for_a_locked_wallet_gets_503(api, alices, bobs, path):
    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        return Api(api.secret).post(path, to(bobs))

    with threads.holding(people.a_cash_in(alices, 1_00)):
        answer = threads.Caller(ask).answer
    assert (answer.status, answer.code) == (503, "lock_timeout")
    assert answer.headers["Retry-After"] == "1"
    assert people.balances(alices, bobs) == [101_00, 0]
