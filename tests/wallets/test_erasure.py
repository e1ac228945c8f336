"""Who has ended is erased: nothing personal is left anywhere, and the ledger stays whole."""

from __future__ import annotations

import json
import logging

import pytest

from iocash.postgres.base import SERVER
from tests.support import people, personal_texts
from tests.support.personal_texts import Scene, left, marks_in
from tests.support.resources import RESOURCES, table_of
from users.models import Event, KycDocument, Otp, PhoneUse, User
from wallets import audit, erasure
from wallets.models import Movement

pytestmark = pytest.mark.django_db

TABLES = {
    "users_user",
    "users_otp",
    "users_kycdocument",
    "users_identityverification",
    "users_approval",
    "users_note",
    "users_task",
    "wallets_dormancynotice",
} | {table_of(resource) for resource in RESOURCES if resource.is_personal}
"""Where personal texts are, until they are erased."""

BOBS = {"Bob's own", "Bob's own, in a batch"}


def erase(scene: Scene, reason: str = "AUTHORITY_ORDER") -> User:
    return erasure.erase(user_id=scene.alice.id, by=people.BY, reason=reason)


def servers_log() -> int:
    """How long the log of the embedded PostgreSQL is."""
    log = SERVER.places.log
    return log.stat().st_size if log.exists() else 0


# --- What goes, and what stays -------------------------------------------------------------------


@pytest.mark.slow
def test_erasure_leaves_no_personal_data(request, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.handler.setLevel(logging.DEBUG)
    begun = servers_log()
    request.getfixturevalue("new_ids")  # what she does now is in the logs
    scene = request.getfixturevalue("scene")
    before = marks_in(left())
    assert before.keys() >= TABLES
    assert before.keys() - TABLES == {str(path) for path in personal_texts.files()} != set()
    assert set.union(*before.values()) == {mark.lower() for mark in personal_texts.MARKS}
    erase(scene)
    assert marks_in(left()) == {}
    assert (KycDocument.objects.count(), Otp.objects.filter(user=scene.alice).count()) == (0, 0)
    assert personal_texts.files() == []
    log = SERVER.places.log.read_bytes()[begun:].decode() if begun else ""
    assert ("user_name_is_taken_once" in log) == bool(begun)
    assert marks_in({"the log": caplog.text, "the server's log": log}) == {}


@pytest.mark.slow
def test_erasure_keeps_the_ledger_intact(scene):
    money = "id", "amount", "created_at", "status", "balance_after", "digest", "details_digest"
    before = list(Movement.objects.order_by("id").values_list(*money))
    balances = people.balances(scene.alices, scene.bobs)
    erase(scene)
    assert list(Movement.objects.order_by("id").values_list(*money)) == before
    assert people.balances(scene.alices, scene.bobs) == balances
    assert [finding for _, finding in audit.findings() if finding] == []


def test_erasure_keeps_the_texts_of_other_users(scene):
    erase(scene)
    concepts = [movement.concept for movement in people.movements(scene.bobs)]
    assert set(concepts) == {*BOBS, None}
    assert User.objects.get(id=scene.bobs.user_id).first_name == "Bob"


def test_erasure_has_an_event_with_reason_and_actor(scene):
    erase(scene)
    (event,) = Event.objects.filter(kind="user.erased")
    assert event.subject_id == scene.alice.id
    assert (event.actor, event.data) == (people.BY.actor, {"reason": "AUTHORITY_ORDER"})


def test_user_name_and_phone_of_an_erased_user_can_be_reused(scene, client_demo):
    erase(scene)
    PhoneUse.objects.update(asked_at=None)  # a minute passes
    body = {"kind": "NATURAL", "userName": "qx~z-alice", "firstName": "New", "lastName": "Comer"}
    answer = scene.api.post("users", body | {"mobilePhone": f"+34{personal_texts.NUMBERS[1]}"})
    assert answer.status == 202


def test_two_users_can_be_erased(scene, client_demo):
    other = people.a_user(client_demo, people.ALICE)
    scene.api.patch(f"users/{other.id}", {"status": "UNSUBSCRIBED"})
    erase(scene)
    erasure.erase(user_id=other.id, by=people.BY, reason="OTHER")
    assert User.objects.filter(erased_at__isnull=False).count() == 2


# --- What the API answers afterwards -------------------------------------------------------------


def test_an_erased_user_has_no_names_and_no_number(scene):
    erase(scene)
    shown = scene.api.get(scene.path()).json
    names = "userName", "firstName", "lastName", "companyName", "email"
    assert {shown[name] for name in (*names, "mobilePhone", "unverifiedPhone")} == {None}
    everybody = scene.api.get("users").json["_embedded"]["users"]
    assert shown in everybody


@pytest.mark.parametrize("is_erased", [False, True])
def test_events_of_a_user_have_no_personal_texts(scene, is_erased):
    if is_erased:
        erase(scene)
    pages = {
        user_id: json.dumps(scene.api.get(f"events?userId={user_id}&size=100").json)
        for user_id in (str(scene.alice.id), str(scene.bobs.user_id))
    }
    assert all('"movement.settled"' in page for page in pages.values())
    assert marks_in(pages) == {}


def test_an_erased_users_wallet_has_its_money_and_no_texts(scene):
    erase(scene)
    own = f"wallets/{scene.alices.id}"
    wallet = scene.api.get(own).json
    labels = "alias", "dltAddress", "dltNetwork", "metadata"
    assert {name: wallet[name] for name in labels} == dict.fromkeys(labels)
    for name in ("movements", "holds"):
        rows = [
            row
            for wallet in (scene.alices, scene.bobs)
            for row in scene.api.get(f"wallets/{wallet.id}/{name}?size=100").json["_embedded"][name]
        ]
        assert {row["metadata"] and "x" for row in rows} == {None}
        assert {row["concept"] for row in rows} <= {None, *BOBS}
    assert scene.api.get(f"{own}/statement").status == 200
    assert scene.api.get(f"{own}/balance").json["balance"] == "0.00"


def test_an_erased_users_external_account_is_removed_and_has_no_iban(scene):
    erase(scene)
    own = f"wallets/{scene.alices.id}/external-accounts"
    (account,) = scene.api.get(own).json["_embedded"]["externalAccounts"]
    erased = {"status": "REMOVED", "alias": None, "iban": None, "holderName": None}
    assert {name: account[name] for name in erased} == erased
    assert scene.api.get(f"{own}/{account['id']}").json == account


def test_erased_user_has_no_kyc_documents(scene):
    erase(scene)
    for name in (*personal_texts.BLOCKS, "documents/identity-front"):
        assert scene.api.get(scene.path(f"/{name}")).status == 404
    missing = scene.api.get(scene.path("/compliance")).json["requirements"]
    assert {each["status"] for each in missing} == {"MISSING"}
    assert {each["reason"] for each in missing} == {None}


def test_change_of_an_erased_user_is_refused(scene):
    erase(scene)
    assert scene.api.patch(scene.path(), {"userName": "alice"}).code == "user_not_active"
    put = scene.api.put(scene.path("/occupation"), {"occupationCode": "2511"})
    assert put.code == "user_not_active"
