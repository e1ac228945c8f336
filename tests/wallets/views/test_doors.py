"""The doors of holds, reversals, batches, external accounts and statements: who passes, and how."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from tests.support import people
from tests.support.people import Api
from tests.support.wallet_endpoints import CHANGING, DOORS, HOLD, KEYED, READING, REVERSAL, at_each
from users.models import Event, Key
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()
HOST = "http://testserver/api/v1"
BELOW_A_THING = [door for door in DOORS if door.path.count("{") > 1]
CAPITALS = "0198ABCD-0000-7000-8000-000000000000"
MALFORMED = ["1", "x", f"{UNKNOWN}0", f"{UNKNOWN}".replace("-", ""), CAPITALS]


@pytest.fixture
def there(alices, bobs, account):
    """What the paths name: Alice has paid Bob, promised him more, and knows a bank account."""
    paid = people.transfer(alices, bobs, 20_00)
    hold = people.place(alices, bobs, 30_00)
    return {
        "wallet": alices.id,
        "bob": bobs.id,
        "movement": paid.id,
        "hold": hold.id,
        "account": account.id,
    }


@pytest.fixture
def unmoved(there: dict[str, UUID]) -> Any:
    """Say whether nothing was done: whatever is done leaves an event."""
    before = Event.objects.count()
    return lambda: Event.objects.count() == before and not Key.objects.exists()


@at_each()
def test_request_without_a_key_gets_401(nobody, there, unmoved, door):
    answer = nobody.call(door.method, door.at(there), door.body(there))
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="ioCash", scope=')
    assert unmoved()


@at_each()
def test_key_without_the_scope_gets_403(client_demo, there, unmoved, door):
    api = Api(people.a_key(client_demo, *set(SCOPES) - {door.scope}))
    answer = api.call(door.method, door.at(there), door.body(there))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert door.scope in answer.json["detail"]
    assert unmoved()


@at_each()
def test_key_with_the_scope_is_accepted(client_demo, there, door):
    api = Api(people.a_key(client_demo, door.scope))
    assert api.call(door.method, door.at(there), door.body(there)).status == door.status


@at_each()
def test_resource_of_another_client_gets_404(stranger, there, unmoved, door):
    unknown = dict.fromkeys(there, UNKNOWN)
    for ids in (there, unknown):
        answer = stranger.call(door.method, door.at(ids), door.body(there), key="k")
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.json["detail"] == "The resource does not exist."
    assert unmoved()


@at_each(BELOW_A_THING)
def test_resource_of_another_wallet_gets_404(api, there, unmoved, door):
    for other in (
        {"wallet": there["bob"]},
        dict.fromkeys(("hold", "movement", "account"), UNKNOWN),
    ):
        answer = api.call(door.method, door.at(there, **other), door.body(there))
        assert (answer.status, answer.code) == (404, "not_found")
    assert unmoved()


@at_each()
def test_malformed_id_gets_404(api, there, unmoved, door):
    named = [name for name in there if f"{{{name}}}" in door.path]
    for name in named:
        for malformed in MALFORMED:
            answer = api.call(door.method, door.at(there, **{name: malformed}), door.body(there))
            assert (answer.status, answer.code) == (404, "not_found")
    assert named
    assert unmoved()


@pytest.mark.parametrize("path", dict.fromkeys(door.path for door in DOORS))
def test_wrong_method_gets_400(api, there, unmoved, path):
    allowed = [door.method for door in DOORS if door.path == path]
    allow = [*allowed, *(["HEAD"] if "GET" in allowed else []), "OPTIONS"]
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(allowed):
        answer = api.call(method, path.format(**there), {})
        assert (answer.status, answer.code) == (400, "method_not_allowed")
        assert answer.headers["Allow"].split(", ") == allow
    assert unmoved()


@at_each()
def test_unknown_parameter_gets_400(api, there, unmoved, door):
    answer = api.call(door.method, f"{door.at(there)}?color=red", door.body(there))
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert answer.wrong == {"color": "unknown_parameter"}
    assert unmoved()


# --- The same key --------------------------------------------------------------------------------


@at_each(KEYED)
def test_same_key_is_executed_once(api, there, door):
    first = api.post(door.at(there), door.body(there), key="k")
    done = Event.objects.count()
    again = api.post(door.at(there), door.body(there, "10.00"), key='"k"')
    assert (first.status, "Idempotent-Replayed" in first.headers) == (door.status, False)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert Event.objects.count() == done


@at_each(KEYED)
def test_same_key_replays_equivalent_spellings_of_a_request(api, there, door):
    nothing = {name: None for name in ("concept", "metadata") if "account" not in door.path}
    plain = door.body(there)
    spelled = door.body(there) | nothing if "batch" not in door.path else plain
    text = str(people.dump(spelled), "utf-8").replace('"10.00"', "10.0")
    made = api.post(door.at(there), plain, key="k")
    again = api.post(door.at(there), raw=text.encode(), key="k")
    assert (again.status, again.json) == (made.status, made.json)
    assert again.headers["Idempotent-Replayed"] == "true"


@at_each(KEYED)
def test_reused_key_gets_409_for_another_order(api, there, door):
    made = api.post(door.at(there), door.body(there), key="k").json
    answer = api.post(door.at(there), door.body(there, "9.00"), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert set(answer.json["conflict"]) == {"idempotencyKey", "resource", "id"}
    assert answer.json["conflict"]["id"] == made.get("id", made.get("operationId"))


@at_each(KEYED)
def test_reused_key_gets_409_at_another_endpoint(api, there, door):
    made = api.post(f"wallets/{there['wallet']}/movements", people.cash(), key="k").json
    answer = api.post(door.at(there), door.body(there), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"] == {
        "idempotencyKey": "k",
        "resource": "movement",
        "id": made["id"],
    }


@at_each(KEYED)
def test_invalid_key_gets_400(api, there, unmoved, door):
    answer = api.post(door.at(there), door.body(there), key="")
    assert (answer.status, answer.code) == (400, "invalid_header")
    assert unmoved()


# --- Staff ---------------------------------------------------------------------------------------


class Desk(Api):
    """A member of staff with some permissions, in a browser that checks CSRF tokens."""

    def __init__(self, *permissions: str) -> None:
        super().__init__(None)
        self.person = get_user_model().objects.create_user("clerk", is_staff=True)
        self.person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.browser = Browser(enforce_csrf_checks=True)
        self.browser.force_login(self.person)
        self.browser.cookies["csrftoken"] = "a" * 32

    def change(self, method: str, path: str, body: Any) -> people.Answer:
        return self.call(method, path, body, headers={"X-CSRFToken": "a" * 32})


OWN_PERMISSIONS = {
    f"PATCH {HOLD}": "release_hold",
    f"POST {REVERSAL}": "reverse_movement",
}
"""As in the back office, where it is another permission than that of the model."""


def permission(door: Any) -> str:
    if own := OWN_PERMISSIONS.get(str(door)):
        return own
    action = {"GET": "view", "POST": "add", "PATCH": "change"}[door.method]
    return f"{action}_{door.model}"


@at_each(CHANGING)
def test_staff_act_for_the_wallets_client_and_are_recorded(there, client_demo, door):
    desk = Desk(permission(door))
    before = set(Event.objects.values_list("id", flat=True))
    answer = desk.change(door.method, door.at(there), door.body(there))
    assert answer.status == door.status
    done = Event.objects.exclude(id__in=before)
    assert {event.actor for event in done} == {f"staff:{desk.person.pk}"}
    assert {event.client_id for event in done} == {client_demo.id}


@at_each(CHANGING)
def test_staff_need_the_csrf_token(there, unmoved, door):
    answer = Desk(permission(door)).call(door.method, door.at(there), door.body(there))
    assert (answer.status, answer.code) == (403, "csrf_failed")
    assert unmoved()


@at_each()
def test_staff_need_the_permission(there, unmoved, door):
    every = {permission(each) for each in DOORS} - {permission(door)}
    answer = Desk(*every).change(door.method, door.at(there), door.body(there))
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert unmoved()


@at_each(KEYED)
def test_client_replays_the_key_of_a_staff_request(api, there, door):
    desk = Desk(permission(door))
    desk.browser.handler.enforce_csrf_checks = False
    made = desk.post(door.at(there), door.body(there), key="k")
    again = api.post(door.at(there), door.body(there), key="k")
    assert (again.status, again.json) == (made.status, made.json)
    assert again.headers["Idempotent-Replayed"] == "true"


@at_each(READING)
def test_browser_gets_the_resource_as_html(there, door):
    every = {permission(each) for each in DOORS}
    desk = Desk(*every)
    page = desk.browser.get(f"/api/v1/{door.at(there)}", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    shown = desk.get(door.at(there)).json
    assert str(shown.get("id", there["wallet"])) in page.text


@at_each([door for door in KEYED if door.path not in {each.path for each in READING}])
def test_browser_get_of_a_post_only_endpoint_gets_400_with_a_form(there, door):
    desk = Desk(permission(door), f"view_{door.model}")
    page = desk.browser.get(f"/api/v1/{door.at(there)}", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "method_not_allowed" in page.text
    assert 'name="_content"' in page.text, "with a form for it"


@pytest.mark.parametrize("more", [{}, {"Authorization": "Bearer x"}])
def test_anonymous_browser_get_of_a_post_only_endpoint_gets_400(nobody, there, more):
    address = f"/api/v1/wallets/{there['wallet']}/movements/batch"
    page = nobody.browser.get(address, headers={"Accept": "text/html", **more})
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert 'name="_content"' not in page.text


@pytest.mark.parametrize("path", ["", "/releaseHold", "/renewHold"])
def test_release_and_renewal_need_separate_permissions(there, path):
    hold = f"wallets/{there['wallet']}/holds/{there['hold']}"
    address, method = (f"/api/v1/public/{hold}{path}", "POST") if path else (hold, "PATCH")
    renewal: dict[str, Any] = {"expiration": None}
    release = {} if path else {"status": "RELEASED"}
    releaser, renewer = Desk("release_hold"), None
    if path != "/releaseHold":
        refused = releaser.change(method, address, renewal)
        assert (refused.status, refused.code) == (403, "permission_denied")
    get_user_model().objects.all().delete()
    renewer = Desk("change_hold")
    if path != "/renewHold":
        refused = renewer.change(method, address, release)
        assert (refused.status, refused.code) == (403, "permission_denied")
    if path != "/releaseHold":
        assert renewer.change(method, address, renewal).status == 200
