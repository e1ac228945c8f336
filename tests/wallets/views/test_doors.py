"""The endpoints below a wallet, those of money included: who may call them, and how."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from iocash.http.naming import camel
from tests.support import people, replayed
from tests.support.anchors import anchored
from tests.support.api_operations import body_of
from tests.support.people import Api
from tests.support.resources import BELOW_A_WALLET, Endpoint, at_each, things
from users.models import Event, Key
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()
HOST = "http://testserver/api/v1"
READING = [endpoint for endpoint in BELOW_A_WALLET if endpoint.method == "GET"]
CHANGING = [endpoint for endpoint in BELOW_A_WALLET if endpoint.method != "GET"]
KEYED = [endpoint for endpoint in BELOW_A_WALLET if endpoint.method == "POST"]
"""These take an Idempotency-Key."""
BELOW_A_THING = [endpoint for endpoint in BELOW_A_WALLET if endpoint.path.count("{") > 1]
CAPITALS = "0198ABCD-0000-7000-8000-000000000000"
MALFORMED = ["1", "x", f"{UNKNOWN}0", f"{UNKNOWN}".replace("-", ""), CAPITALS]


@pytest.fixture
def there(acted, settings, tmp_path):
    """What the paths name; the movements are anchored."""
    anchored(settings, tmp_path)
    return acted


@pytest.fixture
@replayed.step
def acted(alices, bobs):
    """Alice has paid Bob, promised him more, and knows a bank account."""
    paid = people.transfer(alices, bobs, 20_00)
    return things(alices, bobs, 30_00) | {"movement": paid.id}


@pytest.fixture
def unmoved(there: dict[str, UUID]) -> Any:
    """Say whether nothing was done: whatever is done leaves an event."""
    before = Event.objects.count()
    return lambda: Event.objects.count() == before and not Key.objects.exists()


@at_each(BELOW_A_WALLET)
def test_request_without_a_key_gets_401(nobody, there, unmoved, endpoint):
    answer = nobody.call(endpoint.method, endpoint.at(there), endpoint.body_for(there))
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="ioCash", scope=')
    assert unmoved()


@at_each(BELOW_A_WALLET)
def test_key_without_the_scope_gets_403(client_demo, there, unmoved, endpoint):
    api = Api(people.a_key(client_demo, *set(SCOPES) - {endpoint.scope}))
    answer = api.call(endpoint.method, endpoint.at(there), endpoint.body_for(there))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert endpoint.scope in answer.json["detail"]
    assert unmoved()


@at_each(BELOW_A_WALLET)
def test_key_with_the_scope_is_accepted(client_demo, there, endpoint):
    api = Api(people.a_key(client_demo, endpoint.scope, *endpoint.beside))
    assert (
        api.call(endpoint.method, endpoint.at(there), endpoint.body_for(there)).status
        == endpoint.success
    )


@at_each(BELOW_A_WALLET)
def test_resource_of_another_client_gets_404(stranger, there, unmoved, endpoint):
    unknown = dict.fromkeys(there, UNKNOWN)
    for ids in (there, unknown):
        answer = stranger.call(endpoint.method, endpoint.at(ids), endpoint.body_for(there), key="k")
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.json["detail"] == "The resource does not exist."
    assert unmoved()


@at_each(BELOW_A_THING)
def test_resource_of_another_wallet_gets_404(api, there, unmoved, endpoint):
    for other in ({"wallet": there["bob"]}, dict.fromkeys({*there} - {"wallet"}, UNKNOWN)):
        answer = api.call(endpoint.method, endpoint.at(there, **other), endpoint.body_for(there))
        assert (answer.status, answer.code) == (404, "not_found")
    assert unmoved()


@at_each(BELOW_A_WALLET)
def test_malformed_id_gets_404(api, there, unmoved, endpoint):
    named = [name for name in there if f"{{{name}}}" in endpoint.path]
    for name in named:
        for malformed in MALFORMED:
            answer = api.call(
                endpoint.method, endpoint.at(there, **{name: malformed}), endpoint.body_for(there)
            )
            assert (answer.status, answer.code) == (404, "not_found")
    assert named
    assert unmoved()


@pytest.mark.parametrize("path", dict.fromkeys(endpoint.path for endpoint in BELOW_A_WALLET))
def test_wrong_method_gets_400(api, there, unmoved, path):
    allowed = [endpoint.method for endpoint in BELOW_A_WALLET if endpoint.path == path]
    allow = [*allowed, *(["HEAD"] if "GET" in allowed else []), "OPTIONS"]
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(allowed):
        answer = api.call(method, path.format(**there), {})
        assert (answer.status, answer.code) == (400, "method_not_allowed")
        assert answer.headers["Allow"].split(", ") == allow
    assert unmoved()


@at_each(BELOW_A_WALLET)
def test_unknown_parameter_gets_400(api, there, unmoved, endpoint):
    answer = api.call(endpoint.method, f"{endpoint.at(there)}?color=red", endpoint.body_for(there))
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert answer.wrong == {"color": "unknown_parameter"}
    assert unmoved()


# --- The same key --------------------------------------------------------------------------------


@at_each(KEYED)
def test_same_key_is_executed_once(api, there, endpoint):
    first = api.post(endpoint.at(there), endpoint.body_for(there), key="k")
    done = Event.objects.count()
    again = api.post(endpoint.at(there), endpoint.body_for(there, "10.00"), key='"k"')
    assert (first.status, "Idempotent-Replayed" in first.headers) == (endpoint.success, False)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert Event.objects.count() == done


def foreign(endpoint: Endpoint) -> set[str]:
    """The fields that only other variants of its body have."""
    body = body_of(endpoint)
    others = [
        variant
        for value, variant in body.variants.items()
        if value != endpoint.body[body.told_apart_by]
    ]
    return {name for variant in others for name in variant.own}


def nulls(endpoint: Endpoint) -> dict[str, None]:
    """Every field that its body may leave out, as null."""
    optional = {
        camel(name): None
        for name, field in body_of(endpoint).fields.items()
        if field.allow_null and not field.required and camel(name) not in foreign(endpoint)
    }
    assert bool(optional) is not endpoint.path.endswith(
        ("/batch", "/create-iban", "/statement-files")
    )
    return optional


@at_each(KEYED)
def test_same_key_replays_equivalent_spellings_of_a_request(api, there, endpoint):
    plain = endpoint.body_for(there)
    text = str(people.dump(nulls(endpoint) | plain), "utf-8").replace('"10.00"', "10.0")
    made = api.post(endpoint.at(there), plain, key="k")
    again = api.post(endpoint.at(there), raw=text.encode(), key="k")
    assert (again.status, again.json) == (made.status, made.json)
    assert again.headers["Idempotent-Replayed"] == "true"


@at_each([endpoint for endpoint in KEYED if "{amount}" in str(endpoint.body)])
def test_reused_key_gets_409_for_another_order(api, there, endpoint):
    made = api.post(endpoint.at(there), endpoint.body_for(there), key="k").json
    answer = api.post(endpoint.at(there), endpoint.body_for(there, "9.00"), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert set(answer.json["conflict"]) == {"idempotencyKey", "resource", "id"}
    assert answer.json["conflict"]["id"] == made.get("id", made.get("operationId"))


@at_each(KEYED)
def test_reused_key_gets_409_at_another_endpoint(api, there, endpoint):
    made = api.post(f"wallets/{there['wallet']}/movements", people.cash(), key="k").json
    answer = api.post(endpoint.at(there), endpoint.body_for(there), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"] == {
        "idempotencyKey": "k",
        "resource": "movement",
        "id": made["id"],
    }


@at_each(KEYED)
def test_invalid_key_gets_400(api, there, unmoved, endpoint):
    answer = api.post(endpoint.at(there), endpoint.body_for(there), key="")
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


PAYING = [
    endpoint
    for endpoint in CHANGING
    if endpoint.scope == "movements:write"
    and (endpoint.method, endpoint.path.rpartition("/")[2])
    in {
        *(("POST", "movements"), ("POST", "batch"), ("POST", "holds"), ("POST", "executions")),
        ("POST", "scheduled-operations"),
    }
]
"""The endpoints that pay with the money of the wallet, which staff never do alone."""


@at_each(PAYING)
@pytest.mark.usefixtures("one_person_acts")
def test_staff_do_not_pay_with_the_money_of_the_wallet(there, unmoved, endpoint):
    desk = Desk(endpoint.permission)
    answer = desk.change(endpoint.method, endpoint.at(there), endpoint.body_for(there))
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert "with the money of a customer" in answer.json["detail"]
    assert unmoved()


@at_each(
    [
        endpoint
        for endpoint in CHANGING
        if endpoint not in PAYING and not endpoint.path.endswith("/statement-files")
    ]
)
@pytest.mark.usefixtures("one_person_acts")
def test_staff_act_for_the_wallets_client_and_are_recorded(there, client_demo, endpoint):
    desk = Desk(endpoint.permission)
    before = set(Event.objects.values_list("id", flat=True))
    answer = desk.change(endpoint.method, endpoint.at(there), endpoint.body_for(there))
    assert answer.status == endpoint.success
    done = Event.objects.exclude(id__in=before)
    assert {event.actor for event in done} == {f"staff:{desk.person.pk}"}
    assert {event.client_id for event in done} == {client_demo.id}


@at_each(CHANGING)
def test_staff_need_the_csrf_token(there, unmoved, endpoint):
    answer = Desk(endpoint.permission).call(
        endpoint.method, endpoint.at(there), endpoint.body_for(there)
    )
    assert (answer.status, answer.code) == (403, "csrf_failed")
    assert unmoved()


@at_each(BELOW_A_WALLET)
def test_staff_need_the_permission(there, unmoved, endpoint):
    every = {each.permission for each in BELOW_A_WALLET} - {endpoint.permission}
    answer = Desk(*every).change(endpoint.method, endpoint.at(there), endpoint.body_for(there))
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert unmoved()


@at_each([endpoint for endpoint in KEYED if endpoint not in PAYING])
@pytest.mark.usefixtures("one_person_acts")
def test_client_replays_the_key_of_a_staff_request(api, there, endpoint):
    desk = Desk(endpoint.permission)
    desk.browser.handler.enforce_csrf_checks = False
    made = desk.post(endpoint.at(there), endpoint.body_for(there), key="k")
    again = api.post(endpoint.at(there), endpoint.body_for(there), key="k")
    assert (again.status, again.json) == (made.status, made.json)
    assert again.headers["Idempotent-Replayed"] == "true"


@at_each(READING)
def test_browser_gets_the_resource_as_html(there, endpoint):
    every = {each.permission for each in BELOW_A_WALLET}
    desk = Desk(*every)
    page = desk.browser.get(f"/api/v1/{endpoint.at(there)}", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    shown = desk.get(endpoint.at(there)).json
    assert str(shown.get("id", there["wallet"])) in page.text


@at_each([endpoint for endpoint in KEYED if endpoint.path not in {each.path for each in READING}])
def test_browser_get_of_a_post_only_endpoint_gets_400_with_a_form(there, endpoint):
    desk = Desk(endpoint.permission, endpoint.permission.replace("add_", "view_"))
    page = desk.browser.get(f"/api/v1/{endpoint.at(there)}", headers={"Accept": "text/html"})
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
