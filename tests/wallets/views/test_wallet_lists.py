"""How wallets are listed, and what staff see of them and do to them."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from tests.support import people
from tests.support.people import Api
from users.models import Event
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()


def listed(api: Api, query: str = "") -> list[str]:
    answer = api.get(f"wallets{query}")
    assert answer.status == 200, answer.json
    return [wallet["id"] for wallet in answer.json["_embedded"]["wallets"]]


def test_wallets_are_listed_newest_first(api, alice, alices, bobs, wallet):
    newest = people.a_wallet(alice)
    assert listed(api) == [str(newest.id), str(bobs.id), str(alices.id)]
    assert listed(api, "?sort=createdAt,asc") == [str(alices.id), str(bobs.id), str(newest.id)]
    assert api.get("wallets").json["_embedded"]["wallets"][-1] == api.get(wallet).json


def test_wallets_of_another_client_are_not_listed(stranger, alices):
    assert listed(stranger) == []
    assert listed(stranger, f"?userId={alices.user_id}") == []


def test_wallets_are_filtered(api, alice, alices, bobs):
    yen = people.a_wallet(alice, "JPY")
    people.close(bobs)
    about = {"iban": "ES9121000418450200051332", "metadata": {"goal": "Trip"}}
    Wallet.objects.filter(id=alices.id).update(**about)
    assert listed(api, f"?userId={alice.id}") == [str(yen.id), str(alices.id)]
    assert listed(api, f"?userId={UNKNOWN}") == []
    assert listed(api, "?status=UNSUBSCRIBED") == [str(bobs.id)]
    assert listed(api, "?status=BLOCKED") == []
    assert listed(api, "?currency=JPY") == [str(yen.id)]
    assert listed(api, "?iban=ES9121000418450200051332") == [str(alices.id)]
    assert listed(api, f"?userId={alice.id}&currency=EUR&status=READY") == [str(alices.id)]
    assert listed(api, "?metadata[goal]=Trip") == [str(alices.id)]
    assert listed(api, "?metadata[goal]=Trip&currency=JPY") == []
    assert listed(api, "?metadata[goal]=trip") == []


def test_wallets_of_a_user_are_listed(api, alice, alices, bobs):
    yen = people.a_wallet(alice, "JPY")
    page = api.get(f"users/{alice.id}/wallets").json["_embedded"]["wallets"]
    assert page == api.get(f"wallets?userId={alice.id}").json["_embedded"]["wallets"]
    assert [wallet["id"] for wallet in page] == [str(yen.id), str(alices.id)]
    (found,) = api.get(f"users/{alice.id}/wallets?currency=JPY").json["_embedded"]["wallets"]
    assert found["id"] == str(yen.id)


def test_wallets_of_another_clients_user_get_404(stranger, alice):
    answer = stranger.get(f"users/{alice.id}/wallets")
    assert (answer.status, answer.code) == (404, "not_found")
    assert stranger.get(f"users/{UNKNOWN}/wallets").status == 404


def test_wallets_of_a_user_need_the_scope_of_wallets(client_demo, alice):
    api = Api(people.a_key(client_demo, "users:read"))
    assert api.get(f"users/{alice.id}/wallets").code == "insufficient_scope"


def test_page_links_keep_filters_in_both_directions(api, alice):
    wallets = [people.first_wallet(alice), *(people.a_wallet(alice) for _ in range(4))]
    expected = [str(wallet.id) for wallet in reversed(wallets)]
    page = api.get(f"wallets?userId={alice.id}&size=2").json
    pages = [page]
    while "next" in page["_links"]:
        href = page["_links"]["next"]["href"]
        assert f"userId={alice.id}" in href
        page = api.get(href).json
        pages.append(page)
    walked = [[wallet["id"] for wallet in page["_embedded"]["wallets"]] for page in pages]
    assert walked == [expected[:2], expected[2:4], expected[4:]]
    back = api.get(page["_links"]["prev"]["href"]).json
    assert [wallet["id"] for wallet in back["_embedded"]["wallets"]] == expected[2:4]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("userId=x", {"userId": "invalid"}),
        ("status=OPEN", {"status": "invalid_choice"}),
        ("currency=eur", {"currency": "invalid_choice"}),
        ("iban=", {"iban": "blank"}),
        ("alias=Trips", {"alias": "unknown_parameter"}),
        ("size=0&sort=balance", {"size": "min_value", "sort": "invalid_choice"}),
        ("size=101&cursor=x", {"size": "max_value", "cursor": "invalid"}),
    ],
)
def test_invalid_parameter_is_reported(api, query, wrong):
    answer = api.get(f"wallets?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


# --- Staff ---------------------------------------------------------------------------------------


@pytest.fixture
def desk(staff):
    """A member of staff, logged in to the back office."""
    desk = Api(None)
    desk.browser.force_login(staff)
    return desk


def test_staff_see_the_wallets_of_all_clients(desk, alices, client_demo):
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    assert set(listed(desk)) == {str(alices.id), str(theirs.id)}


def test_staff_act_for_the_wallets_client_and_are_recorded(desk, staff, alices, wallet):
    assert desk.patch(wallet, {"alias": "Trips"}).status == 200
    event = Event.objects.get(kind="wallet.changed")
    assert (event.actor, event.client_id) == (f"staff:{staff.pk}", alices.client_id)


def test_staff_cannot_open_wallets(desk, alice):
    order = {"userId": str(alice.id)}
    answer = desk.post("wallets", order)
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert desk.put(f"wallets/{UNKNOWN}", order).status == 404


def test_staff_need_the_permission_and_the_token(staff, alices, wallet, django_user_model):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    desk = Api(None)
    desk.browser.force_login(clerk)
    assert desk.get(wallet).code == "permission_denied"
    desk.browser = Browser(enforce_csrf_checks=True)
    desk.browser.force_login(staff)
    assert desk.get(wallet).status == 200
    assert desk.patch(wallet, {"alias": "Trips"}).code == "csrf_failed"
