"""ETags of users and wallets: whoever changes what has changed meanwhile is told so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.support import people
from tests.support.people import Answer, Api
from tests.support.threads import Caller, holding, wait_until_blocked
from users.models import User
from wallets import posting
from wallets.models import Wallet
from wallets.orders.wallets import ChangeWallet

pytestmark = pytest.mark.django_db

USER = {
    "kind": "NATURAL",
    "userName": "alice",
    "firstName": "Alicia",
    "lastName": "Example",
    "mobilePhone": "+34600000001",
}


def change(api: Api, method: str, thing: User | Wallet, tag: str) -> Answer:
    """Send a change that would be made, if the tag is that of what is there."""
    if isinstance(thing, User):
        body: dict[str, Any] = USER if method == "PUT" else {"firstName": "Alicia"}
        path = f"users/{thing.id}"
    else:
        owner = {"userId": str(thing.user_id), "alias": "Trips"}
        body = owner if method == "PUT" else {"alias": "Trips"}
        path = f"wallets/{thing.id}"
    return api.call(method, path, body, headers={"If-Match": tag})


def path_of(thing: User | Wallet) -> str:
    return f"{'users' if isinstance(thing, User) else 'wallets'}/{thing.id}"


@pytest.fixture(params=["user", "wallet"])
def thing(request: pytest.FixtureRequest, alice: User, alices: Wallet) -> User | Wallet:
    return alice if request.param == "user" else alices


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_change_with_the_current_etag_returns_the_new_one(api, thing, method):
    seen = api.get(path_of(thing)).headers["ETag"]
    assert seen == api.get(path_of(thing)).headers["ETag"]
    answer = change(api, method, thing, f'"other", {seen}')
    assert answer.status == 200
    assert answer.headers["ETag"] == api.get(path_of(thing)).headers["ETag"] != seen


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("tag", ['"other"', "W/{seen}", '""'])
def test_change_with_a_stale_etag_gets_409_with_the_current_one(api, thing, method, tag):
    seen = api.get(path_of(thing)).headers["ETag"]
    before = api.get(path_of(thing)).json
    answer = change(api, method, thing, tag.format(seen=seen))
    assert (answer.status, answer.code) == (409, "version_conflict")
    name = "userId" if isinstance(thing, User) else "walletId"
    assert answer.json["conflict"] == {name: str(thing.id), "current": seen}
    assert api.get(path_of(thing)).json == before


def test_star_matches_any_version(api, thing):
    assert change(api, "PATCH", thing, "*").status == 200


@pytest.mark.parametrize("tag", ["other", '"a" "b"', ""])
def test_malformed_if_match_gets_400(api, thing, tag):
    answer = change(api, "PATCH", thing, tag)
    assert (answer.status, answer.code) == (400, "invalid_header")


def test_every_change_of_a_wallet_changes_its_etag(api, alices):
    path = f"wallets/{alices.id}"
    seen = {api.get(path).headers["ETag"]}

    def see() -> None:
        tag = api.get(path).headers["ETag"]
        assert tag not in seen
        seen.add(tag)

    for body in ({"alias": "Trips"}, {"metadata": {"a": "1"}}, {"metadata": {"a": "2"}}):
        assert api.patch(path, body).headers["ETag"] not in seen
        see()
    api.post(f"{path}/create-iban")
    see()
    people.block(alices)
    see()
    tag = api.get(path).headers["ETag"]
    people.block(alices.user)
    assert api.get(path).headers["ETag"] == tag


def test_money_does_not_change_the_etag_of_a_wallet(api, alices, bobs):
    path = f"wallets/{alices.id}"
    tag = api.get(path).headers["ETag"]
    people.transfer(alices, bobs, 1_00)
    people.place(alices, bobs, 1_00, expires_at=timezone.now() + timedelta(hours=1))
    people.place(alices, bobs, 2_00)
    assert api.get(path).headers["ETag"] == tag
    people.pass_time(timedelta(hours=2))
    assert api.get(path).headers["ETag"] == tag
    assert change(api, "PATCH", alices, tag).status == 200


def test_metadata_that_is_removed_gives_the_etag_of_none(api, alices):
    path = f"wallets/{alices.id}"
    tag = api.get(path).headers["ETag"]
    api.patch(path, {"metadata": {"a": "1"}})
    emptied = api.patch(path, {"metadata": {}})
    assert emptied.headers["ETag"] == tag
    assert change(api, "PATCH", alices, tag).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"firstName": "Alicia"},
        {"userName": "alicia"},
        {"email": "alice@example.com"},
        {"mobilePhone": "+34600000077"},
    ],
)
def test_every_change_of_a_user_changes_its_etag(api, alice, body):
    path = f"users/{alice.id}"
    seen = api.get(path).headers["ETag"]
    assert api.patch(path, body).headers["ETag"] == api.get(path).headers["ETag"] != seen


def test_unsubscription_with_a_stale_etag_is_refused(api, bob):
    path, body = f"users/{bob.id}", {"status": "UNSUBSCRIBED"}
    seen = api.get(path).headers["ETag"]
    api.patch(path, {"firstName": "Robert"})
    assert api.patch(path, body, headers={"If-Match": seen}).code == "version_conflict"
    seen = api.get(path).headers["ETag"]
    assert api.patch(path, body, headers={"If-Match": seen}).json["status"] == "UNSUBSCRIBED"


def test_put_with_if_match_of_an_unknown_id_gets_404(api, alice):
    unknown = people.unknown_id()
    put = {"userId": str(alice.id)}
    for path, body in ((f"wallets/{unknown}", put), (f"users/{unknown}", USER)):
        answer = api.put(path, body, headers={"If-Match": '"seen"'})
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_second_concurrent_change_with_one_version_is_refused(api, alices):
    seen = frozenset({Wallet.objects.seen().get(id=alices.id).version})
    orders = [
        ChangeWallet(**people.about(alices), alias=alias, if_match=seen)
        for alias in ("First", "Second")
    ]
    with holding(orders[0]):
        second = Caller(lambda: posting.submit(orders[1]))
        wait_until_blocked()
    assert second.answer.code == "version_conflict"
    assert Wallet.objects.get(id=alices.id).alias == "First"
