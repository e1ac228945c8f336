"""Erasing a user erases the salts of its keys: nobody can guess back what the orders said."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from django.db import connection
from django.db.models import Q
from psycopg import errors as pg

from tests.support import people, sandbox
from tests.support.identity import URLS, some_terms
from tests.support.resources import BELOW_A_WALLET
from users import otp
from users.models import Event, Key, Otp, User
from users.models.fingerprints import Asked, canonical
from wallets import audit, erasure, posting
from wallets.models import Hold, Wallet
from wallets.orders.holds import ReleaseHold
from wallets.orders.payments import Adjust
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

DIRECTLY = [each for each in BELOW_A_WALLET if each.path.count("{") == 1]
CREATING = [each for each in DIRECTLY if each.method == "POST" and each.body]
"""What makes something directly in a wallet, of a body."""


def salts() -> dict[str, bool]:
    """Whether each key still has its salt."""
    return {key.key: key.salt is not None for key in Key.objects.order_by("key")}


def erase(user: User) -> None:
    """Close the user, whose wallets have their money taken out, and erase it."""
    for hold in Hold.objects.filter(Q(wallet__user=user) | Q(target__user=user), status="OPEN"):
        posting.submit(people.about_hold(ReleaseHold, hold))
    for wallet in Wallet.objects.filter(user=user, balance__gt=0):
        amount = people.decimal(wallet.balance, wallet.currency)
        posting.submit(Adjust(**people.about(wallet), amount=amount, is_debit=True))
    order = UnsubscribeUser(client_id=user.client_id, by=people.BY, user_id=user.id)
    posting.submit(order)
    erasure.erase(user_id=user.id, by=people.BY, reason="OTHER")


@pytest.fixture
def said(api, alices, bobs):
    """Orders with keys: every kind that names Alice, and two that name only Bob."""
    alice, own, bob_own = f"users/{alices.user_id}", f"wallets/{alices.id}", f"wallets/{bobs.id}"
    there = {"wallet": alices.id, "bob": bobs.id}
    pay = {"type": "TRANSFER", "amount": "1", "concept": "Lunch"}
    to_bob, to_alice = {"targetWalletId": str(bobs.id)}, {"targetWalletId": str(alices.id)}
    bring = {"type": "CASH_IN", "amount": "5"}
    transfer = {"sourceWalletId": str(alices.id), "amount": "1", "concept": "Lunch", **to_bob}
    from_bob = {"sourceWalletId": str(bobs.id), "amount": "1", **to_alice}
    orders = {
        "batch": (f"{own}/movements/batch", {"movements": [pay | to_bob, pay | to_bob]}),
        "cash-in": (f"{own}/movements", bring),
        "cash-in-words": (f"{own}/movements", bring | {"concept": "Card"}),
        "document": (f"{alice}/occupation", {"occupationCode": "2511"}),
        "hold": (f"{own}/holds", {"amount": "1", **to_bob}),
        "hold-of-bob": (f"{bob_own}/holds", {"amount": "1", **to_alice}),
        "iban": (f"{own}/create-iban", {}),
        "operation": ("operations", {"transfers": [transfer, transfer]}),
        "operation-of-bob": ("operations", {"transfers": [from_bob]}),
        "paid": (f"{own}/movements", pay | to_bob),
        "received": (f"{bob_own}/movements", pay | to_alice),
        "wallet": ("wallets", {"userId": str(alices.user_id), "currency": "USD"}),
        "x-bob": (f"{bob_own}/movements", bring),
        "x-bobs-wallet": ("wallets", {"userId": str(bobs.user_id), "currency": "USD"}),
    } | {each.path: (each.at(there), each.body_for(there, "1.00")) for each in CREATING}
    for key in ("x-bob", *orders):
        path, body = orders[key]
        assert api.post(path, body, key=key).status in {200, 201, 202}, key
    return orders


def is_about_bob(key: str) -> bool:
    return key.startswith("x-")


@pytest.mark.slow
def test_erasure_clears_the_salts_of_all_orders_about_the_user(said, alices):
    assert salts() == dict.fromkeys(said, True)
    erase(alices.user)
    assert salts() == {key: is_about_bob(key) for key in said}
    assert [finding for _, finding in audit.findings() if finding] == []


def test_erasure_clears_the_salts_of_verifications_and_signatures(alices, api):
    published, alice = some_terms(), alices.user
    digest = otp.code_digest(alice.id, alice.mobile_phone, "123456")
    Otp.objects.filter(user=alice).update(digest=digest, about=str(published.id))
    own = f"users/{alice.id}"
    with sandbox.made():
        assert api.post(f"{own}/verify-identity", URLS, key="a").status == 202
        assert api.post(f"{own}/sign-kyc-terms", {"otp": "123456"}, key="b").status == 201
        assert salts() == {"a": True, "b": True}
        erase(alice)
        assert salts() == {"a": False, "b": False}
        answer = api.post(f"{own}/verify-identity", URLS, key="a")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("most", [1, 2, 7])
def test_salts_are_erased_with_any_chunk_size(most, said, alices, monkeypatch):
    monkeypatch.setattr(erasure, "MOST", most)
    erase(alices.user)
    assert salts() == {key: is_about_bob(key) for key in said}


@pytest.mark.slow
def test_key_of_an_erased_user_gets_409_with_the_id_of_its_resource(said, alices, api):
    made = {key.key: key.made_id for key in Key.objects.all()}
    erase(alices.user)
    for key, (path, body) in said.items():
        answer = api.post(path, body, key=key)
        if is_about_bob(key):
            assert answer.headers["Idempotent-Replayed"] == "true", key
        else:
            assert (answer.status, answer.code) == (409, "idempotency_key_reused"), key
            assert answer.json["conflict"]["id"] == str(made[key])
    assert Key.objects.count() == len(said)


def test_key_that_created_an_erased_user_is_refused(api):
    body = {
        "kind": "NATURAL",
        "userName": "a",
        "firstName": "A",
        "lastName": "B",
        "mobilePhone": "+34600000009",
    }
    created = api.post("users", body, key="k")
    assert created.status == 202
    erase(User.objects.get(id=created.json["id"]))
    again = api.post("users", body, key="k")
    assert (again.status, again.code) == (409, "idempotency_key_reused")
    assert again.json["conflict"]["id"] == created.json["id"]


def test_order_can_be_guessed_before_the_erasure_and_not_after(alices, api):
    facts = {"occupation_code": "2511"}
    path = f"users/{alices.user_id}/occupation"
    assert api.post(path, {"occupationCode": "2511"}, key="k").status == 201
    order = {"user_id": alices.user_id, "kind": "OCCUPATION", "sha256": None, "facts": facts}
    guess = canonical(Asked("SendKycDocument", order))

    def is_guessed() -> bool:
        """Whoever has a copy of the table tries all that the table itself has as a salt."""
        key = Key.objects.get(key="k")
        digests = hashlib.sha256(guess).digest(), guess
        tried = itertools.product([bytes(key.salt or b""), b""], digests)
        return bytes(key.fingerprint) in {hashlib.sha256(s + d).digest() for s, d in tried}

    assert is_guessed()
    erase(alices.user)
    assert not is_guessed()


@pytest.mark.django_db(transaction=True)
def test_serving_role_erases_the_salts_of_a_closed_user_only(as_serving):
    client = people.a_client()
    alice, bob = people.a_user(client, people.ALICE), people.a_user(client, people.BOB)
    people.cash_in(people.first_wallet(alice), 1_00, key="a")
    people.cash_in(people.first_wallet(bob), 1_00, key="b")
    erase(alice)
    assert salts() == {"a": False, "b": True}
    with pytest.raises(Exception) as refused:  # noqa: PT011
        erasure.forget_keys(bob)
    assert isinstance(refused.value.__cause__, pg.CheckViolation)
    assert Event.objects.filter(kind="user.erased").count() == 1


@pytest.mark.parametrize("name", ["users_forget_keys", "wallets_erase_labels"])
def test_erasure_functions_are_granted_only_to_their_role(name):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(string_agg(grantee::regrole::text, ' ' ORDER BY 1), '')"
            " FROM pg_proc, aclexplode(proacl) WHERE proname = %s AND grantee <> proowner",
            [name],
        )
        expected = {"users_forget_keys": "iocash_app", "wallets_erase_labels": ""}
        assert cursor.fetchone() == (expected[name],)
