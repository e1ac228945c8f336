"""`alertBelow` of a wallet: set, changed and removed; and the event that it makes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support import people
from tests.support.backoffice import page_of
from tests.support.people import Api
from tests.support.staff import SUPERVISOR, somebody
from tests.support.threads import at_once
from users.models import Event, User
from wallets import posting
from wallets.models import Wallet
from wallets.posting import write

pytestmark = pytest.mark.django_db


def kinds(subject: Wallet, *among: str) -> list[str]:
    found = Event.objects.about(subject.id).values_list("kind", flat=True)
    return [kind for kind in found if not among or kind in among]


def alerts(wallet: Wallet) -> list[dict[str, Any]]:
    found = Event.objects.about(wallet.id).filter(kind="wallet.balance_below")
    return [event.data for event in found]


def set_alert(api: Api, wallet: str, amount: Any) -> people.Answer:
    return api.patch(wallet, {"alertBelow": amount})


def test_alert_is_set_changed_and_removed(api, alices, wallet):
    for sent, shown in (("20", "20.00"), ("20.50", "20.50"), (7, "7.00"), (None, None)):
        answer = set_alert(api, wallet, sent)
        assert (answer.status, answer.json["alertBelow"]) == (200, shown)
        assert api.get(wallet).json["alertBelow"] == shown
    assert kinds(alices, "wallet.changed") == ["wallet.changed"] * 4
    assert alerts(alices) == []


def test_other_changes_keep_the_alert(api, alices, wallet):
    set_alert(api, wallet, "20.00")
    assert api.patch(wallet, {"alias": "Trips"}).json["alertBelow"] == "20.00"
    assert api.post(f"{wallet}/create-iban").status == 201
    people.cash_in(alices, 1_00)
    assert api.get(wallet).json["alertBelow"] == "20.00"


def test_same_alert_changes_nothing(api, alices, wallet):
    etag = set_alert(api, wallet, "20.00").headers["ETag"]
    before = kinds(alices)
    for same in ("20", "20.0", 20):
        assert set_alert(api, wallet, same).headers["ETag"] == etag
    assert kinds(alices) == before


def test_version_covers_the_alert(api, wallet):
    first = api.get(wallet).headers["ETag"]
    second = set_alert(api, wallet, "20.00").headers["ETag"]
    assert second != first
    headers = {"If-Match": first}
    answer = api.patch(wallet, {"alertBelow": "30.00"}, headers=headers)
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert set_alert(api, wallet, None).headers["ETag"] == first


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "min_value"),
        ("-1", "invalid"),
        ("1.001", "max_decimal_places"),
        ("1e2", "invalid"),
        ("", "invalid"),
        (True, "invalid"),
        ("1000000000000000", "max_digits"),
    ],
)
def test_wrong_amount_is_named(api, alice, alices, wallet, amount, code):
    body = {"userId": str(alice.id), "alertBelow": amount}
    for answer in (
        set_alert(api, wallet, amount),
        api.put(wallet, body),
        api.post("wallets", body),
    ):
        assert (answer.status, answer.code) == (400, "invalid_fields")
        assert answer.wrong == {"alertBelow": code}
    alices.refresh_from_db()
    assert alices.alert_below is None


def test_alert_has_the_decimals_of_the_currency(api, alice):
    body = {"userId": str(alice.id), "currency": "JPY", "alertBelow": "100"}
    answer = api.post("wallets", body)
    assert (answer.status, answer.json["alertBelow"]) == (201, "100")
    path = f"wallets/{answer.json['id']}"
    assert set_alert(api, path, "100.5").wrong == {"alertBelow": "max_decimal_places"}
    assert set_alert(api, path, "100.0").status == 400


def test_put_sets_and_removes_the_alert(api, alice):
    path, body = f"wallets/{uuid4()}", {"userId": str(alice.id)}
    assert api.put(path, body | {"alertBelow": "5.00"}).json["alertBelow"] == "5.00"
    assert api.put(path, body | {"alertBelow": "6.00"}).json["alertBelow"] == "6.00"
    assert api.put(path, body).json["alertBelow"] is None
    assert api.put(path, body | {"alertBelow": None}).json["alertBelow"] is None


def test_closed_wallet_takes_no_alert(api, bobs):
    people.close(bobs)
    answer = set_alert(api, f"wallets/{bobs.id}", "5.00")
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert set_alert(api, f"wallets/{bobs.id}", None).status == 200


def test_key_opens_a_wallet_with_its_alert_once(api, alice):
    body = {"userId": str(alice.id), "alertBelow": "5.00"}
    first, again = (api.post("wallets", body, key="k") for _ in range(2))
    assert (first.json["id"], first.status) == (again.json["id"], again.status)
    answer = api.post("wallets", body | {"alertBelow": "6.00"}, key="k")
    assert answer.code == "idempotency_key_reused"


# --- Events --------------------------------------------------------------------------------------


def test_fall_below_the_alert_makes_one_event(api, alices, bobs, wallet):
    set_alert(api, wallet, "90.00")
    paid = [people.to(bobs, amount) for amount in ("10.00", "0.01", "5.00")]
    for body in paid:
        assert api.post(f"{wallet}/movements", body).status == 201
    expected = {"alert_below": 90_00, "balance": 89_99, "seq": 3, "currency": "EUR"}
    (event,) = Event.objects.about(alices.id).filter(kind="wallet.balance_below")
    assert {name: event.data[name] for name in expected} == expected
    assert (event.subject, event.wallet_id) == ("wallet", alices.id)
    assert event.actor.startswith("key:")


def test_alert_above_the_balance_makes_no_event(api, alices, bobs, wallet):
    set_alert(api, wallet, "150.00")
    api.post(f"{wallet}/movements", people.to(bobs, "1.00"))
    assert alerts(alices) == []


def test_dry_run_makes_no_event(api, alices, bobs, wallet):
    set_alert(api, wallet, "90.00")
    answer = api.post(f"{wallet}/movements?dryRun=true", people.to(bobs, "50.00"))
    assert answer.status == 200
    posting.dry_run(people.a_transfer(alices, bobs, 50_00))
    assert alerts(alices) == []


def test_copied_rows_have_their_alert(api, alices, bobs, wallet):
    """From 300 movements on, rows are sent with COPY."""
    set_alert(api, wallet, "90.00")
    one = people.to(bobs, "0.10")
    items = [one] * (write.MANY // 2 + 1)
    assert api.post(f"{wallet}/movements/batch", {"movements": items}).status == 201
    (data,) = alerts(alices)
    assert (data["balance"], data["seq"]) == (89_90, 102)
    events = Event.objects.filter(wallet_id=alices.id, kind="movement.settled")
    before = Event.objects.get(kind="wallet.balance_below").position
    assert events.filter(position__lt=before).count() == 102


@pytest.mark.django_db(transaction=True)
def test_concurrent_transfers_make_one_event(alices, bobs):
    Wallet.objects.filter(id=alices.id).update(alert_below=90_00)
    transfers = [people.a_transfer(alices, bobs, 4_00) for _ in range(6)]
    at_once(*(lambda order=each: posting.submit(order) for each in transfers))
    (data,) = alerts(alices)
    assert (data["balance"], data["seq"]) == (88_00, 4)


def test_staff_see_the_alert_and_its_event(api, alice: User, alices, bobs, wallet):
    set_alert(api, wallet, "90.00")
    people.transfer(alices, bobs, 50_00)
    browser = somebody(SUPERVISOR)
    page = browser.get(page_of(alices)).text
    assert "90.00" in page
    assert "Alert below 90.00 EUR, balance 50.00 EUR" in page
    timeline = browser.get(page_of(alice), {"tab": "timeline"}).text
    assert "The balance of the EUR wallet fell below 90.00 EUR." in timeline
