"""`updatedAt`, and the ETags of external accounts and movements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from iocash.db import clock
from tests.support import people
from tests.support.api_operations import ALL
from tests.support.cash_outs import a_cash_out, end
from tests.support.holds import RELEASE, at
from tests.support.sandbox import made
from tests.support.times import stamp
from tests.users.conftest import codes
from users.models import Sandbox
from wallets import posting
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.users import BlockUser
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db
__all__ = ["codes"]  # a fixture of the tests of users

CANCELLED, REMOVED = {"status": "CANCELLED"}, {"status": "REMOVED"}


@pytest.fixture
def hour(db):
    """A clock that each call moves by an hour."""

    def pass_an_hour() -> None:
        sandbox = Sandbox.objects.get()
        sandbox.clock_offset += timedelta(hours=1)
        sandbox.save(update_fields=["clock_offset"])

    with made():
        yield pass_an_hour


def times(api: people.Api, path: str) -> tuple[str, str]:
    shown = api.get(path).json
    return shown["createdAt"], shown["updatedAt"]


class Watch:
    """What `updatedAt` of a resource says, after each change of it."""

    def __init__(self, api: people.Api, path: str, hour: Any) -> None:
        self.api, self.path, self.hour = api, path, hour
        created_at, self.last = times(api, path)
        assert self.last >= created_at

    def changes(self, do: Callable[[], Any], *, changes: bool = True) -> None:
        """Do something an hour later; `updatedAt` is of then, or of before."""
        self.hour()
        before = stamp(clock.now())
        do()
        now = times(self.api, self.path)[1]
        assert now >= before if changes else now == self.last
        self.last = now


@pytest.fixture
def watch(api, hour):
    return lambda path: Watch(api, path, hour)


def test_wallet_is_updated_by_its_facts_and_not_by_money(api, alices, bobs, watch):
    path = f"wallets/{alices.id}"
    seen = watch(path)
    seen.changes(lambda: people.transfer(alices, bobs, 1_00), changes=False)
    seen.changes(lambda: people.place(alices, bobs, 1_00), changes=False)
    seen.changes(lambda: api.patch(path, {"alias": "Trips"}))
    seen.changes(lambda: api.patch(path, {"alias": "Trips"}), changes=False)
    seen.changes(lambda: api.post(f"{path}/create-iban"))
    seen.changes(lambda: posting.submit(BlockWallet(**people.about(alices), reason="OTHER")))


def test_user_is_updated_by_every_change(api, alice, watch, codes):
    path = f"users/{alice.id}"
    seen = watch(path)
    seen.changes(lambda: api.patch(path, {"userName": "alicia"}))
    seen.changes(lambda: api.patch(path, {"userName": "alicia"}), changes=False)
    seen.changes(lambda: api.patch(path, {"mobilePhone": "+34600000077"}))
    asked = api.get(path).json
    verified = api.post(f"{path}/validate-otp", {"otp": codes[-1].code})
    assert verified.json["updatedAt"] > asked["updatedAt"]
    about = {"client_id": alice.client_id, "by": people.BY, "user_id": alice.id}
    seen.changes(lambda: posting.submit(BlockUser(**about, reason="OTHER")))


def test_put_user_answers_its_own_update(api, alice, watch):
    path = f"users/{alice.id}"
    body = {"kind": "NATURAL", "userName": "alice", "firstName": "Alicia", "lastName": "Example"}
    answer = api.put(path, body | {"mobilePhone": "+34600000001"})
    assert (answer.status, answer.json) == (200, api.get(path).json)
    assert answer.json["updatedAt"] > answer.json["createdAt"]


def test_hold_is_updated_until_it_ends(api, alices, bobs, watch, hour):
    hold = people.place(alices, bobs, 5_00)
    seen = watch(at(hold))
    assert times(api, at(hold))[0] == seen.last
    seen.changes(lambda: api.patch(at(hold), {"expiration": "2099-01-01T00:00:00Z"}))
    seen.changes(lambda: people.execute(hold, 1_00, keep_open=True))
    seen.changes(lambda: api.patch(at(hold), RELEASE))
    assert api.get(at(hold)).json["endedAt"] == seen.last


def test_hold_is_updated_at_its_expiration(api, alices, bobs, hour):
    expires_at = clock.now() + timedelta(minutes=1)
    hold = people.place(alices, bobs, 5_00, expires_at=expires_at)
    hour()
    assert times(api, at(hold))[1] == stamp(expires_at)
    people.transfer(alices, bobs, 1_00)  # writes that it has expired
    assert times(api, at(hold))[1] == stamp(expires_at)


@pytest.mark.parametrize("verb", [SettleCashOut, RejectCashOut, None])
def test_cash_out_is_updated_until_it_ends(api, alices, watch, verb):
    cash_out = a_cash_out(alices, 1_00)
    path = f"wallets/{alices.id}/movements/{cash_out.id}"
    seen = watch(path)
    assert times(api, path)[0] == seen.last
    if verb is None:
        seen.changes(lambda: api.patch(path, CANCELLED))
        return
    seen.changes(lambda: end(MarkCashOutSent, cash_out))
    reason = {"reason": "Closed."} if verb is RejectCashOut else {}
    seen.changes(lambda: end(verb, cash_out, **reason))


def test_transfer_is_updated_when_it_is_created(api, alices, bobs):
    movement = people.transfer(alices, bobs, 1_00)
    created_at, updated_at = times(api, f"wallets/{alices.id}/movements/{movement.id}")
    assert updated_at == created_at


# --- ETags ----------------------------------------------------------------------------------------


def test_cancellation_honours_if_match(api, alices):
    cash_out = a_cash_out(alices, 1_00)
    path = f"wallets/{alices.id}/movements/{cash_out.id}"
    stale = api.get(path).headers["ETag"]
    end(MarkCashOutSent, cash_out)
    current = api.get(path).headers["ETag"]
    answer = api.patch(path, CANCELLED, headers={"If-Match": stale})
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.json["conflict"] == {"movementId": str(cash_out.id), "current": current}
    assert api.patch(path, CANCELLED, headers={"If-Match": current}).code == "cash_out_sent"


def test_cancelled_cash_out_has_a_new_etag(api, alices):
    path = f"wallets/{alices.id}/movements/{a_cash_out(alices, 1_00).id}"
    seen = api.get(path).headers["ETag"]
    answer = api.patch(path, CANCELLED, headers={"If-Match": seen})
    assert (answer.status, answer.headers["ETag"]) == (200, api.get(path).headers["ETag"])
    assert answer.headers["ETag"] != seen
    again = api.patch(path, CANCELLED, headers={"If-Match": seen})
    assert again.code == "version_conflict"


def test_removal_of_an_account_honours_if_match(api, account):
    path = f"wallets/{account.wallet_id}/external-accounts/{account.id}"
    seen = api.get(path).headers["ETag"]
    refused = api.patch(path, REMOVED, headers={"If-Match": '"other"'})
    conflict = {"externalAccountId": str(account.id), "current": seen}
    assert (refused.code, refused.json["conflict"]) == ("version_conflict", conflict)
    answer = api.patch(path, REMOVED, headers={"If-Match": seen})
    assert (answer.status, answer.json["status"]) == (200, "REMOVED")
    assert api.patch(path, REMOVED, headers={"If-Match": seen}).code == "version_conflict"
    assert answer.headers["ETag"] == api.get(path).headers["ETag"] != seen


def test_account_is_updated_by_its_metadata_and_its_removal(api, account, watch):
    path = f"wallets/{account.wallet_id}/external-accounts/{account.id}"
    seen = watch(path)
    seen.changes(lambda: api.patch(path, {"metadata": {"contract": "7"}}))
    seen.changes(lambda: api.patch(path, {"metadata": {"contract": "7"}}), changes=False)
    seen.changes(lambda: api.patch(path, {"metadata": None}))
    seen.changes(lambda: api.patch(path, REMOVED))
    seen.changes(lambda: api.patch(path, REMOVED), changes=False)


def test_changed_metadata_of_an_account_honour_if_match(api, account):
    path = f"wallets/{account.wallet_id}/external-accounts/{account.id}"
    seen = api.get(path).headers["ETag"]
    change = {"metadata": {"contract": "7"}}
    answer = api.patch(path, change, headers={"If-Match": seen})
    assert (answer.status, answer.json["metadata"]) == (200, {"contract": "7"})
    assert answer.headers["ETag"] == api.get(path).headers["ETag"] != seen
    assert api.patch(path, change, headers={"If-Match": seen}).code == "version_conflict"


def test_user_is_updated_by_its_metadata(api, alice, watch):
    path = f"users/{alice.id}"
    seen = watch(path)
    tag = api.get(path).headers["ETag"]
    seen.changes(lambda: api.patch(path, {"metadata": {"crm": "7"}}))
    assert api.get(path).headers["ETag"] != tag
    seen.changes(lambda: api.patch(path, {"metadata": {"crm": "7"}}), changes=False)


def test_every_patch_of_the_api_honours_if_match():
    views = {each.view.view_class for each in ALL if each.method == "patch"}
    assert len(views) >= 5
    assert all(view.versioned for view in views)
