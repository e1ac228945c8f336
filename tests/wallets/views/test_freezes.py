"""What clients see of a freeze: the held balance, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.support import freezes, people
from tests.support.people import Api
from tests.support.staff import SUPERVISOR, somebody
from users.models import Event, Key
from wallets import posting
from wallets.models import Hold

pytestmark = pytest.mark.django_db

PUBLISHED = "/api/v1/public/wallets"


@pytest.fixture
def frozen(alices) -> Hold:
    """30.00 EUR of the 100.00 EUR of Alice."""
    return freezes.freeze(alices, 30_00)


@pytest.fixture
def paths(frozen) -> list[tuple[str, str]]:
    """Each method and address that could show or change a hold."""
    own = f"wallets/{frozen.wallet_id}/holds/{frozen.id}"
    published = f"{PUBLISHED}/{frozen.wallet_id}/holds/{frozen.id}"
    actions = ("executeHold", "executeHoldAndKeepOpen", "releaseHold", "renewHold")
    return [
        ("get", own),
        ("get", f"holds/{frozen.id}"),
        ("patch", own),
        ("post", f"{own}/executions"),
        ("get", published),
        *(("post", f"{published}/{action}") for action in actions),
    ]


BODIES: dict[str, list[Any]] = {
    "patch": [{"status": "RELEASED"}, {"expiration": None}],
    "executeHold": [{"amount": "1.00"}],
    "executeHoldAndKeepOpen": [{"amount": "1.00"}],
    "renewHold": [{"expiration": "2999-01-01T00:00:00Z"}],
    "executions": [None, {"amount": "1.00", "keepOpen": True}],
}


def test_freeze_is_404_on_every_path(api: Api, paths, frozen):
    for method, path in paths:
        name = "patch" if method == "patch" else path.rpartition("/")[2]
        for body in [None] if method == "get" else BODIES.get(name, [{}]):
            answer = api.call(method.upper(), path, body)
            assert (answer.status, answer.code) == (404, "not_found"), (method, path)
    kept = people.seen(frozen.id)
    assert (kept.standing, kept.left) == ("OPEN", 30_00)


def test_freeze_is_404_for_staff_in_the_browsable_api(paths):
    browser: Browser = somebody(SUPERVISOR)
    for method, path in paths:
        if method == "get":
            address = path if path.startswith("/") else f"/api/v1/{path}"
            answer = browser.get(address, headers={"Accept": "application/json"})
            assert answer.status_code == 404, path


def test_lists_of_holds_have_no_freeze(api: Api, alices, bobs, frozen):
    hold = people.place(alices, bobs, 1_00)
    freezes.lift(freezes.freeze(alices, 2_00))
    key = Key.objects.create(
        client=alices.client, key="k", salt=b"", fingerprint=b"", made="hold",
        made_id=frozen.id, status=201,
    )  # fmt: skip
    for path in (
        f"wallets/{alices.id}/holds",
        f"wallets/{alices.id}/holds?status=OPEN,RELEASED",
        f"wallets/{alices.id}/holds?sort=createdAt,asc",
        "holds",
        "holds?status=OPEN",
        f"holds?walletId={alices.id}",
        f"holds?userId={alices.user_id}&minAmount=0.01&currency=EUR",
        f"holds?targetWalletId={bobs.id}",
        f"{PUBLISHED}/{alices.id}/holds",
    ):
        listed = api.get(path).json["_embedded"]["holds"]
        assert [each["id"] for each in listed] == [str(hold.id)], path
        assert listed[0].get("targetWalletId", listed[0].get("targetWallet")), path
    assert api.get(f"holds?idempotencyKey={key.key}").json["_embedded"]["holds"] == []


def test_held_balance_includes_what_is_frozen(api: Api, alices, frozen):
    shown = api.get(f"wallets/{alices.id}").json
    amounts = [shown[name] for name in ("balance", "heldBalance", "availableBalance")]
    assert amounts == ["100.00", "30.00", "70.00"]
    freezes.lift(frozen)
    assert api.get(f"wallets/{alices.id}").json["heldBalance"] == "0.00"


def test_frozen_money_can_not_leave(api: Api, alices, bobs, frozen):
    transfer = people.to(bobs, "70.01")
    answer = api.post(f"wallets/{alices.id}/movements", transfer)
    assert (answer.status, answer.code) == (409, "insufficient_funds")
    assert answer.json["conflict"]["available"] == "70.00"
    assert api.post(f"wallets/{alices.id}/movements", people.to(bobs, "70.00")).status == 201
    answer = api.patch(f"wallets/{alices.id}", {"status": "UNSUBSCRIBED"})
    assert (answer.status, answer.code) == (409, "wallet_not_empty")


def test_same_order_freezes_once(alices):
    order = freezes.a_freeze(alices, 30_00, key="\x1ffreeze")
    first, second = posting.submit(order), posting.submit(order)
    assert (first.id, first.replayed) == (second.id, False)
    assert second.replayed
    alices.refresh_from_db()
    assert alices.held == 30_00
    kinds = Event.objects.filter(kind__startswith="wallet.amount_").values_list("kind", flat=True)
    assert [*kinds] == ["wallet.amount_frozen"]


def test_dry_run_of_a_freeze_changes_nothing(alices):
    outcome = posting.dry_run(freezes.a_freeze(alices, 30_00))
    assert outcome.is_predicted
    alices.refresh_from_db()
    assert alices.held == 0
    assert not Hold.objects.exists()
