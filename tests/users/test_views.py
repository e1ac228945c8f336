"""The endpoints of users: the nine questions to each, and what each is for."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from tests import cast, together
from tests.cast import Answer, Api
from users.models import Event, Key, Otp, User
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

ALICE = {
    "kind": "NATURAL",
    "userName": "alice",
    "firstName": "Alice",
    "lastName": "Example",
    "mobilePhone": "+34600000001",
}
BOB = ALICE | {"userName": "bob", "firstName": "Bob", "mobilePhone": "+34600000002"}
COMPANY = {
    "kind": "JURIDICAL",
    "userName": "example-ltd",
    "companyName": "Example Ltd",
    "mobilePhone": "+34600000003",
}
NEW = "+34600000009"
ROOT = "http://testserver/api/v1"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ENDPOINTS = [
    ("GET", "users"),
    ("POST", "users"),
    ("GET", "users/{id}"),
    ("PUT", "users/{id}"),
    ("PATCH", "users/{id}"),
    ("POST", "users/{id}/request-otp"),
    ("POST", "users/{id}/validate-otp"),
]
BODIES: dict[str, Any] = {
    "POST users": ALICE,
    "PUT users/{id}": ALICE,
    "PATCH users/{id}": {"firstName": "Alicia"},
    "POST users/{id}/validate-otp": {"otp": "123456"},
}
BELOW = [entry for entry in ENDPOINTS if "{id}" in entry[1]]


@pytest.fixture
def newcomer_path(newcomer: User) -> str:
    return f"users/{newcomer.id}"


def path_of(user: User, rest: str = "") -> str:
    return f"users/{user.id}{rest}"


def listed(answer: Answer) -> list[str]:
    """The user names of a page."""
    assert answer.status == 200, answer.json
    return [user["userName"] for user in answer.json["_embedded"]["users"]]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def retry_at(answer: Answer) -> datetime:
    told = datetime.fromisoformat(answer.json["conflict"]["retryAt"])
    return told.replace(microsecond=told.microsecond // 1000 * 1000)


def due(phone: str) -> datetime:
    """A minute after the last code to this number, to the millisecond."""
    at = Otp.objects.get(mobile_phone=phone).sent_at + timedelta(seconds=60)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


# --- The same questions to every endpoint -------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_without_a_key_it_is_401(method, path, nobody, newcomer):
    body = BODIES.get(f"{method} {path}")
    answer = nobody.call(method, path.format(id=newcomer.id), body)
    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a_key_without_the_scope_is_403(method, path, client_demo, newcomer):
    other = Api(cast.a_key(client_demo, "users:write" if method == "GET" else "users:read"))
    body = BODIES.get(f"{method} {path}")
    answer = other.call(method, path.format(id=newcomer.id), body)
    assert (answer.status, answer.code) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "path"), BELOW)
def test_another_client_gets_404_and_no_difference_is_shown(method, path, stranger, newcomer):
    body = BODIES.get(f"{method} {path}")
    if method == "PUT":  # names that are free at the other client, as they are here
        body = BOB
    theirs = stranger.call(method, path.format(id=newcomer.id), body)
    assert (theirs.status, theirs.code) == (404, "not_found")
    if method != "PUT":
        unknown = stranger.call(method, path.format(id=cast.unknown_id()), body)
        assert strip(unknown) == strip(theirs)
    assert User.objects.get().first_name == "Alice"
    assert Otp.objects.get().tries == 0


def strip(answer: Answer) -> dict[str, Any]:
    return {name: answer.json[name] for name in ("status", "code", "title", "detail", "type")}


@pytest.mark.parametrize(("method", "path"), BELOW)
@pytest.mark.parametrize(
    "user_id", ["1", "alice", "{upper}", "{bare}", "{{{id}}}", "{id}x", "{id}%00", "%20{id}"]
)
def test_a_malformed_id_is_404(method, path, user_id, api, newcomer):
    known = str(newcomer.id)
    shown = user_id.format(id=known, upper=known.upper(), bare=known.replace("-", ""))
    answer = api.call(method, path.format(id=shown), BODIES.get(f"{method} {path}"))
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("users", {"GET", "POST"}),
        ("users/{id}", {"GET", "PUT", "PATCH"}),
        ("users/{id}/request-otp", {"POST"}),
        ("users/{id}/validate-otp", {"POST"}),
    ],
)
def test_a_wrong_method_is_400_with_allow(path, methods, api, newcomer):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
        answer = api.call(method, path.format(id=newcomer.id))
        assert (answer.status, answer.code) == (400, "method_not_allowed"), method
        allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"}
        assert allowed == methods


# --- POST /users --------------------------------------------------------------------------------


def test_a_person_is_accepted(api, codes):
    answer = api.post("users", ALICE)
    user = User.objects.get()
    assert answer.status == 202
    assert answer.headers["Location"] == f"{ROOT}/users/{user.id}"
    created_at = answer.json.pop("createdAt")
    assert MOMENT.fullmatch(created_at)
    assert answer.json == {
        "id": str(user.id),
        "clientId": str(user.client_id),
        "kind": "NATURAL",
        "status": "CREATED",
        "userName": "alice",
        "firstName": "Alice",
        "lastName": "Example",
        "companyName": None,
        "email": None,
        "mobilePhone": "+34600000001",
        "unverifiedPhone": None,
        "_links": {
            "self": {"href": f"{ROOT}/users/{user.id}"},
            "wallets": {"href": f"{ROOT}/wallets?userId={user.id}"},
        },
    }
    assert [sent.phone for sent in codes] == ["+34600000001"]


def test_a_company_is_accepted(api):
    answer = api.post("users", COMPANY | {"email": "office@example.com"})
    assert answer.status == 202
    shown = {name: answer.json[name] for name in ("kind", "companyName", "firstName", "email")}
    assert shown == {
        "kind": "JURIDICAL",
        "companyName": "Example Ltd",
        "firstName": None,
        "email": "office@example.com",
    }


def test_the_location_leads_to_the_user(api):
    made = api.post("users", ALICE)
    answer = api.get(made.headers["Location"].removeprefix("http://testserver"))
    assert (answer.status, answer.json) == (200, made.json)


def test_the_links_can_be_clicked(api):
    links = api.post("users", ALICE).json["_links"]
    for link in links.values():
        assert api.get(link["href"].removeprefix("http://testserver")).status == 200


def test_a_phone_number_is_kept_as_e164(api):
    answer = api.post("users", ALICE | {"mobilePhone": "+34 600 00 00 01"})
    assert answer.json["mobilePhone"] == "+34600000001"


def test_text_is_kept_as_it_is(api):
    answer = api.post("users", ALICE | {"firstName": " Zoë 👩‍🚀 ", "lastName": "O'Hara <b>"})
    assert (answer.json["firstName"], answer.json["lastName"]) == (" Zoë 👩‍🚀 ", "O'Hara <b>")


@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
def test_a_duplicate_is_409_naming_field_and_user(field, api, codes):
    known = api.post("users", ALICE).json["id"]
    answer = api.post("users", BOB | {field: ALICE[field]})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": field, "userId": known}
    assert (User.objects.count(), len(codes)) == (1, 1)


def test_both_duplicates_name_the_same_user(api):
    known = api.post("users", ALICE).json["id"]
    assert api.post("users", ALICE).json["conflict"]["userId"] == known


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"kind": "ROBOT"}, {"kind": "invalid_choice"}),
        ({"kind": "natural"}, {"kind": "invalid_choice"}),
        ({"kind": None}, {"kind": "null"}),
        ({"kind": ["NATURAL"]}, {"kind": "invalid_choice"}),
        ({"userName": ""}, {"userName": "blank"}),
        ({"userName": "  "}, {"userName": "blank"}),
        ({"userName": "\u3000"}, {"userName": "blank"}),
        ({"userName": None}, {"userName": "null"}),
        ({"userName": 7}, {"userName": "invalid"}),
        ({"userName": True}, {"userName": "invalid"}),
        ({"userName": ["alice"]}, {"userName": "invalid"}),
        ({"userName": {"a": "b"}}, {"userName": "invalid"}),
        ({"userName": "x" * 101}, {"userName": "max_length"}),
        ({"firstName": ""}, {"firstName": "blank"}),
        ({"firstName": None}, {"firstName": "null"}),
        ({"lastName": "x" * 101}, {"lastName": "max_length"}),
        ({"companyName": "Example Ltd"}, {"companyName": "unknown_field"}),
        ({"email": "alice"}, {"email": "invalid"}),
        ({"email": ""}, {"email": "blank"}),
        ({"email": "a" * 250 + "@example.com"}, {"email": "max_length"}),
        ({"mobilePhone": "600000001"}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": "+3460000000"}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": "+34\uff1600000001"}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": 34600000001}, {"mobilePhone": "invalid"}),
        ({"mobilePhone": None}, {"mobilePhone": "null"}),
        ({"mobilePhone": "+34600000001;ext=5"}, {"mobilePhone": "invalid"}),
        ({"dltAddress": "x" * 101}, {"dltAddress": "max_length"}),
        ({"dltNetwork": "x" * 51}, {"dltNetwork": "max_length"}),
        ({"color": "red"}, {"color": "unknown_field"}),
        ({"user_name": "alice"}, {"user_name": "unknown_field"}),
        ({"UserName": "alice"}, {"UserName": "unknown_field"}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_wrong_field_is_named(method, change, errors, api):
    path = "users" if method == "POST" else f"users/{cast.unknown_id()}"
    answer = api.call(method, path, ALICE | change)
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert answer.wrong == errors
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["id", "clientId", "status", "unverifiedPhone", "createdAt", "_links"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_read_only_field_is_unknown_in_a_request(method, name, api, newcomer_path):
    body = {} if method == "PATCH" else BOB
    value = "UNSUBSCRIBED" if name == "status" else str(cast.unknown_id())
    if (method, name) == ("PATCH", "status"):
        value = "ACTIVATED"
    answer = api.call(method, "users" if method == "POST" else newcomer_path, body | {name: value})
    assert answer.status == 400
    assert set(answer.wrong) == {name}


@pytest.mark.parametrize("missing", sorted(ALICE))
def test_what_is_needed_is_named(missing, api):
    answer = api.post("users", {name: ALICE[name] for name in ALICE if name != missing})
    assert (answer.status, answer.wrong) == (400, {missing: "required"})


def test_a_company_needs_its_name_and_has_no_others(api):
    body = {name: COMPANY[name] for name in COMPANY if name != "companyName"}
    answer = api.post("users", body | {"firstName": "Alice"})
    assert answer.wrong == {"companyName": "required", "firstName": "unknown_field"}


def test_an_empty_object_lacks_every_needed_field(api):
    answer = api.post("users", {})
    assert set(answer.wrong) >= {"kind", "userName", "mobilePhone"}


def test_all_wrong_fields_are_named_at_once(api):
    answer = api.post("users", ALICE | {"userName": "", "email": "x", "mobilePhone": 1, "a": 2})
    assert answer.wrong == {
        "userName": "blank",
        "email": "invalid",
        "mobilePhone": "invalid",
        "a": "unknown_field",
    }


@pytest.mark.xfail(strict=True, reason="the names are looked at only when all else is right")
def test_missing_names_are_named_together_with_other_wrong_fields(api):
    answer = api.post("users", {"kind": "NATURAL", "userName": "", "mobilePhone": NEW})
    assert answer.wrong == {
        "userName": "blank",
        "firstName": "required",
        "lastName": "required",
    }


@pytest.mark.parametrize("name", ["email", "dltAddress", "dltNetwork"])
def test_null_says_that_there_is_none(name, api):
    assert api.post("users", ALICE | {name: None}).status == 202
    assert not any(User.objects.values_list("email", "dlt_address", "dlt_network")[0])


def test_the_same_key_creates_once(api, codes):
    first = api.post("users", ALICE, key="k")
    again = api.post("users", dict(reversed(ALICE.items())), key='"k"')
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert (User.objects.count(), len(codes)) == (1, 1)


def test_a_phone_written_otherwise_is_the_same_order(api):
    api.post("users", ALICE, key="k")
    answer = api.post("users", ALICE | {"mobilePhone": "+34 600-000-001"}, key="k")
    assert (answer.status, answer.headers.get("Idempotent-Replayed")) == (202, "true")


@pytest.mark.xfail(strict=True, reason="the fingerprint tells a null from nothing")
def test_none_and_left_out_are_the_same_order(api):
    api.post("users", ALICE, key="k")
    answer = api.post("users", ALICE | {"email": None}, key="k")
    assert (answer.status, answer.headers.get("Idempotent-Replayed")) == (202, "true")


def test_the_same_key_with_another_order_is_409(api):
    known = api.post("users", ALICE, key="k").json["id"]
    answer = api.post("users", BOB, key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    expected = {"idempotencyKey": "k", "resource": "user", "id": known}
    assert answer.json["conflict"] == expected


def test_shape_is_checked_before_a_replay(api):
    api.post("users", ALICE, key="k")
    assert api.post("users", ALICE | {"userName": ""}, key="k").status == 400


def test_a_replay_shows_the_user_as_it_is_now(api):
    made = api.post("users", ALICE, key="k")
    api.patch(f"users/{made.json['id']}", {"firstName": "Alicia"})
    assert api.post("users", ALICE, key="k").json["firstName"] == "Alicia"


def test_a_refused_user_leaves_the_key_free(api):
    api.post("users", ALICE)
    assert api.post("users", BOB | {"userName": "alice"}, key="k").status == 409
    assert not Key.objects.exists()
    assert api.post("users", BOB, key="k").status == 202


def test_the_key_of_another_client_is_another_key(api, stranger):
    api.post("users", ALICE, key="k")
    answer = stranger.post("users", BOB, key="k")
    assert (answer.status, answer.json["userName"]) == (202, "bob")


# --- GET /users ---------------------------------------------------------------------------------


@pytest.fixture
def three(api: Api) -> list[str]:
    """The ids of Alice, Bob and a company, in that order."""
    bodies = [ALICE | {"email": "alice@example.com"}, BOB, COMPANY]
    return [api.post("users", body).json["id"] for body in bodies]


def test_a_list_is_a_page_newest_first(api, three):
    answer = api.get("users")
    assert listed(answer) == ["example-ltd", "bob", "alice"]
    assert set(answer.json) == {"_links", "_embedded"}
    assert set(answer.json["_links"]) == {"self", "first", "last"}
    assert answer.json["_links"]["self"]["href"] == f"{ROOT}/users"


def test_a_list_shows_what_the_user_shows(api, three):
    (shown,) = api.get("users?userName=alice").json["_embedded"]["users"]
    assert shown == api.get(f"users/{three[0]}").json


def test_the_list_of_a_client_without_users_is_empty(api, stranger, three):
    assert listed(stranger.get("users")) == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"kind": "NATURAL"}, ["bob", "alice"]),
        ({"kind": "JURIDICAL"}, ["example-ltd"]),
        ({"status": "CREATED"}, ["example-ltd", "bob", "alice"]),
        ({"status": "ACTIVATED"}, []),
        ({"userName": "bob"}, ["bob"]),
        ({"userName": "Bob"}, []),
        ({"email": "alice@example.com"}, ["alice"]),
        ({"mobilePhone": "+34600000003"}, ["example-ltd"]),
        ({"mobilePhone": "+34 600 000 003"}, ["example-ltd"]),
        ({"kind": "NATURAL", "userName": "example-ltd"}, []),
        ({"sort": "createdAt,asc"}, ["alice", "bob", "example-ltd"]),
        ({"sort": "createdAt,desc"}, ["example-ltd", "bob", "alice"]),
        ({"size": "1"}, ["example-ltd"]),
        ({"size": "100"}, ["example-ltd", "bob", "alice"]),
    ],
)
def test_a_filter_finds_what_it_says(query, names, api, three):
    assert listed(api.get(f"users?{urlencode(query)}")) == names


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("kind=ROBOT", {"kind": "invalid_choice"}),
        ("kind=", {"kind": "blank"}),
        ("kind=NATURAL&kind=NATURAL", {"kind": "repeated_parameter"}),
        ("status=GONE", {"status": "invalid_choice"}),
        ("email=alice", {"email": "invalid"}),
        ("mobilePhone=1", {"mobilePhone": "invalid"}),
        ("firstName=Alice", {"firstName": "unknown_parameter"}),
        ("user_name=alice", {"user_name": "unknown_parameter"}),
        ("userName__contains=a", {"userName__contains": "unknown_parameter"}),
        ("size=0", {"size": "min_value"}),
        ("size=101", {"size": "max_value"}),
        ("size=-1", {"size": "min_value"}),
        ("size=1.0", {"size": "invalid"}),
        ("size=x", {"size": "invalid"}),
        ("sort=userName", {"sort": "invalid_choice"}),
        ("cursor=x", {"cursor": "invalid"}),
        ("page=2&size=0", {"page": "unknown_parameter", "size": "min_value"}),
    ],
)
def test_a_wrong_parameter_is_named(query, errors, api):
    answer = api.get(f"users?{query}")
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert answer.wrong == errors


def walk(api: Api, path: str, rel: str) -> list[list[str]]:
    """Follow a link from page to page; name the users of each."""
    answer = api.get(path)
    pages = [listed(answer)]
    while rel in answer.json["_links"]:
        answer = api.get(answer.json["_links"][rel]["href"].removeprefix("http://testserver"))
        pages.append(listed(answer))
    return pages


def test_pages_lead_on_and_keep_their_filters(api, three):
    assert walk(api, "users?size=2", "next") == [["example-ltd", "bob"], ["alice"]]
    assert walk(api, "users?size=1&kind=NATURAL", "next") == [["bob"], ["alice"]]
    oldest = walk(api, "users?size=2&sort=createdAt%2Casc", "next")
    assert oldest == [["alice", "bob"], ["example-ltd"]]


def test_pages_lead_back_and_to_both_ends(api, three):
    first = api.get("users?size=2").json["_links"]
    last = first["last"]["href"].removeprefix("http://testserver")
    assert "prev" not in first
    assert walk(api, last, "prev") == [["bob", "alice"], ["example-ltd"]]
    assert walk(api, last, "next") == [["bob", "alice"]]
    assert listed(api.get(api.get(last).json["_links"]["first"]["href"][17:])) == [
        "example-ltd",
        "bob",
    ]


def test_a_page_costs_the_same_queries_whatever_its_size(api, three, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):  # the key, and the page
        api.get("users")


def test_paging_shows_every_user_of_the_client_once(api, stranger):
    for number in range(25):
        body = {"userName": f"u{number}", "mobilePhone": f"+346000002{number:02d}"}
        api.post("users", ALICE | body)
    stranger.post("users", BOB)
    names = [name for page in walk(api, "users", "next") for name in page]
    assert names == [f"u{number}" for number in reversed(range(25))]


# --- GET /users/{id} ----------------------------------------------------------------------------


def test_a_user_is_read(api, alice):
    answer = api.get(path_of(alice))
    assert answer.status == 200
    assert (answer.json["id"], answer.json["status"]) == (str(alice.id), "ACTIVATED")


def test_an_unknown_user_is_404(api):
    answer = api.get(f"users/{cast.unknown_id()}")
    assert (answer.status, answer.code) == (404, "not_found")


def test_reading_takes_no_parameters(api, alice):
    answer = api.get(path_of(alice, "?expand=wallets"))
    assert (answer.status, answer.wrong) == (400, {"expand": "unknown_parameter"})


# --- PUT /users/{id} ----------------------------------------------------------------------------


def test_a_put_creates_under_the_callers_id(api, codes):
    user_id = cast.unknown_id()
    answer = api.put(f"users/{user_id}", ALICE)
    assert (answer.status, answer.json["id"]) == (202, str(user_id))
    assert answer.headers["Location"] == f"{ROOT}/users/{user_id}"
    assert answer.json["status"] == "CREATED"
    assert len(codes) == 1


def test_a_put_replaces_what_is_there(api, newcomer_path):
    body = ALICE | {"firstName": "Alicia", "email": "alice@example.com"}
    answer = api.put(newcomer_path, body)
    assert answer.status == 200
    assert "Location" not in answer.headers
    assert {name: answer.json[name] for name in body} == body
    assert api.get(newcomer_path).json == answer.json


def test_a_put_may_be_repeated(api, codes):
    path = f"users/{cast.unknown_id()}"
    answers = [api.put(path, ALICE) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 200, 200]
    assert answers[1].json == answers[0].json
    assert len(codes) == 1
    assert Event.objects.about(cast.unknown_id()).count() == 1


def test_a_put_takes_away_what_it_leaves_out(api, newcomer_path):
    api.patch(newcomer_path, {"email": "alice@example.com"})
    assert api.put(newcomer_path, ALICE).json["email"] is None


def test_a_put_at_another_clients_id_is_404(stranger, alice):
    answer = stranger.put(path_of(alice), BOB)
    assert (answer.status, answer.code) == (404, "not_found")
    assert User.objects.get().user_name == "alice"


def test_a_put_of_the_other_kind_is_409(api, newcomer):
    answer = api.put(path_of(newcomer), COMPANY)
    assert (answer.status, answer.code) == (409, "immutable")
    assert answer.json["conflict"] == {"field": "kind", "userId": str(newcomer.id)}
    assert User.objects.get().kind == "NATURAL"


@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
def test_a_put_of_what_another_has_is_409(field, api, newcomer, bob):
    answer = api.put(path_of(newcomer), ALICE | {field: BOB[field]})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": field, "userId": str(bob.id)}


def test_a_put_of_a_new_number_waits_for_its_verification(api, alice, codes):
    answer = api.put(path_of(alice), ALICE | {"mobilePhone": NEW})
    shown = (answer.json["mobilePhone"], answer.json["unverifiedPhone"])
    assert shown == ("+34600000001", NEW)
    assert [sent.phone for sent in codes] == [NEW]


def test_a_put_of_the_same_while_a_number_waits_keeps_waiting(api, alice, codes):
    body = ALICE | {"mobilePhone": NEW}
    answers = [api.put(path_of(alice), body) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(codes) == 1


# --- PATCH /users/{id} --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"userName": "alicia"},
        {"firstName": "Alicia"},
        {"lastName": "Sample"},
        {"email": "alice@example.com"},
        {"userName": "alicia", "firstName": "Alicia", "lastName": "Sample"},
    ],
)
def test_a_patch_changes_only_what_it_carries(change, api, newcomer_path):
    before = api.get(newcomer_path).json
    answer = api.patch(newcomer_path, change)
    assert (answer.status, answer.json) == (200, before | change)
    assert api.get(newcomer_path).json == answer.json


def test_an_empty_patch_changes_nothing(api, newcomer):
    before = api.get(path_of(newcomer)).json
    answer = api.patch(path_of(newcomer), {})
    assert (answer.status, answer.json) == (200, before)
    assert Event.objects.about(newcomer.id).count() == 1


def test_a_patch_to_null_takes_the_address_away(api, newcomer_path):
    api.patch(newcomer_path, {"email": "alice@example.com"})
    assert api.patch(newcomer_path, {"email": None}).json["email"] is None


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"userName": None}, {"userName": "null"}),
        ({"userName": ""}, {"userName": "blank"}),
        ({"firstName": None}, {"firstName": "null"}),
        ({"lastName": "x" * 101}, {"lastName": "max_length"}),
        ({"companyName": "Example Ltd"}, {"companyName": "unknown_field"}),
        ({"email": "x"}, {"email": "invalid"}),
        ({"mobilePhone": None}, {"mobilePhone": "null"}),
        ({"mobilePhone": "1"}, {"mobilePhone": "invalid"}),
        ({"kind": "NATURAL"}, {"kind": "unknown_field"}),
        ({"dltAddress": "0x1"}, {"dltAddress": "unknown_field"}),
        ({"status": "BLOCKED"}, {"status": "invalid_choice"}),
        ({"status": "ACTIVATED"}, {"status": "invalid_choice"}),
        ({"status": None}, {"status": "null"}),
        ({"a": 1, "userName": ""}, {"a": "unknown_field", "userName": "blank"}),
    ],
)
def test_a_wrong_field_of_a_patch_is_named(change, errors, api, newcomer_path):
    before = api.get(newcomer_path).json
    answer = api.patch(newcomer_path, change)
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert answer.wrong == errors
    assert api.get(newcomer_path).json == before


@pytest.mark.parametrize("field", ["userName", "mobilePhone"])
def test_a_patch_to_what_another_has_is_409(field, api, newcomer, bob):
    answer = api.patch(path_of(newcomer), {field: BOB[field]})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": field, "userId": str(bob.id)}


def test_a_new_number_must_be_verified(api, alice, codes):
    answer = api.patch(path_of(alice), {"mobilePhone": NEW})
    assert (answer.status, answer.json["status"]) == (200, "ACTIVATED")
    assert (answer.json["mobilePhone"], answer.json["unverifiedPhone"]) == ("+34600000001", NEW)
    verified = api.post(path_of(alice, "/validate-otp"), {"otp": codes[0].code})
    assert (verified.status, verified.json["mobilePhone"]) == (200, NEW)
    assert verified.json["unverifiedPhone"] is None


def test_a_number_that_another_user_took_meanwhile_is_409(api, alice, codes):
    api.patch(path_of(alice), {"mobilePhone": NEW})
    other = api.post("users", BOB | {"mobilePhone": NEW}).json["id"]
    answer = api.post(path_of(alice, "/validate-otp"), {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.json["conflict"] == {"field": "mobilePhone", "userId": other}
    assert api.get(path_of(alice)).json["mobilePhone"] == "+34600000001"


def test_back_to_a_number_within_a_minute_is_409_with_retry_at(api, newcomer_path):
    api.patch(newcomer_path, {"mobilePhone": NEW})
    answer = api.patch(newcomer_path, {"mobilePhone": "+34600000001"})
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert retry_at(answer) == due("+34600000001")


# --- The end of a user --------------------------------------------------------------------------

END = {"status": "UNSUBSCRIBED"}


def test_an_end_closes_the_empty_wallets(api, alice):
    cast.a_wallet(alice, "USD")
    answer = api.patch(path_of(alice), END)
    assert (answer.status, answer.json["status"]) == (200, "UNSUBSCRIBED")
    assert list(Wallet.objects.values_list("status", flat=True)) == ["UNSUBSCRIBED"] * 2


def test_an_end_is_told_for_the_user_and_each_wallet(api, alice):
    api.patch(path_of(alice), END)
    kinds = list(Event.objects.order_by("id").values_list("kind", flat=True))
    assert sorted(kinds[-2:]) == ["user.unsubscribed", "wallet.unsubscribed"]


def test_a_user_with_money_does_not_end(api, alices):
    answer = api.patch(f"users/{alices.user_id}", END)
    assert (answer.status, answer.code) == (409, "wallet_not_empty")
    assert answer.json["conflict"] == {
        "walletId": str(alices.id),
        "balance": "100.00",
        "currency": "EUR",
    }
    assert User.objects.get().status == "ACTIVATED"


def test_one_wallet_with_money_keeps_all_of_them_open(api, alices):
    cast.a_wallet(alices.user, "USD")
    assert api.patch(f"users/{alices.user_id}", END).status == 409
    assert set(Wallet.objects.values_list("status", flat=True)) == {"READY"}


def test_a_user_ends_once_its_money_is_gone(api, alices, bobs):
    cast.transfer(alices, bobs, 100_00)
    assert api.patch(f"users/{alices.user_id}", END).status == 200


def test_an_end_may_be_repeated(api, alice):
    first = api.patch(path_of(alice), END)
    events = Event.objects.count()
    again = api.patch(path_of(alice), END)
    assert (again.status, again.json) == (200, first.json)
    assert Event.objects.count() == events


@pytest.mark.xfail(strict=True, reason="an ended user refuses even what changes nothing")
def test_an_end_with_a_change_may_be_repeated(api, alice):
    body = END | {"firstName": "Alicia"}
    answers = [api.patch(path_of(alice), body) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]


def test_a_newcomer_ends_too_and_its_code_is_void(api, newcomer, codes):
    assert api.patch(path_of(newcomer), END).json["status"] == "UNSUBSCRIBED"
    assert [otp.digest for otp in Otp.objects.all()] == [None]
    answer = api.post(path_of(newcomer, "/validate-otp"), {"otp": "123456"})
    assert (answer.status, answer.code) == (409, "already_verified")


def test_a_refused_end_leaves_the_change_that_came_with_it_undone(api, alices):
    answer = api.patch(f"users/{alices.user_id}", END | {"firstName": "Alicia"})
    assert answer.status == 409
    assert User.objects.get().first_name == "Alice"


@pytest.mark.parametrize("change", [{"firstName": "Alicia"}, {"mobilePhone": NEW}])
def test_an_ended_user_is_changed_no_more(change, api, alice, codes):
    api.patch(path_of(alice), END)
    answer = api.patch(path_of(alice), change)
    assert (answer.status, answer.code) == (409, "user_not_active")
    expected = {"userId": str(alice.id), "status": "UNSUBSCRIBED"}
    assert answer.json["conflict"] == expected
    assert not codes


def test_an_ended_user_is_replaced_no_more(api, alice):
    api.patch(path_of(alice), END)
    answer = api.put(path_of(alice), ALICE | {"firstName": "Alicia"})
    assert (answer.status, answer.code) == (409, "user_not_active")


def test_the_end_of_another_clients_user_is_404(stranger, alice):
    assert stranger.patch(path_of(alice), END).status == 404
    assert User.objects.get().status == "ACTIVATED"


@pytest.mark.django_db(transaction=True)
def test_an_end_and_a_cash_in_at_once_never_trap_money(codes):
    client = cast.a_client()
    api = Api(cast.a_key(client))
    user = cast.a_user(client, cast.ALICE)
    path = f"wallets/{cast.first_wallet(user).id}/movements"
    end, paid = together.at_once(
        lambda: api.patch(path_of(user), END),
        lambda: api.post(path, {"type": "CASH_IN", "amount": "1.00"}),
    )
    assert (end.status, paid.status) in {(200, 409), (409, 201)}
    wallet = Wallet.objects.get()
    assert (wallet.status, wallet.balance) in {("UNSUBSCRIBED", 0), ("READY", 1_00)}


# --- POST /users/{id}/request-otp ---------------------------------------------------------------


def test_another_code_is_accepted(api, newcomer, codes, clock):
    clock.go(61)
    answer = api.post(path_of(newcomer, "/request-otp"))
    assert (answer.status, answer.json["id"]) == (202, str(newcomer.id))
    assert answer.headers["Location"] == f"{ROOT}/users/{newcomer.id}"
    assert len(codes) == 1


def test_an_empty_object_asks_for_a_code_too(api, newcomer_path, codes, clock):
    clock.go(61)
    assert api.post(f"{newcomer_path}/request-otp", {}).status == 202


def test_asking_for_a_code_takes_no_fields(api, newcomer_path, codes, clock):
    clock.go(61)
    answer = api.post(f"{newcomer_path}/request-otp", {"mobilePhone": NEW})
    assert (answer.status, answer.wrong) == (400, {"mobilePhone": "unknown_field"})
    assert not codes


def test_asking_again_within_a_minute_is_409_with_retry_at(api, newcomer, codes):
    answer = api.post(path_of(newcomer, "/request-otp"))
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert set(answer.json["conflict"]) == {"retryAt"}
    assert retry_at(answer) == due("+34600000001")
    assert not codes


@pytest.mark.xfail(strict=True, reason="a time in a conflict is not written as the API does")
def test_the_time_to_try_again_is_written_as_every_time(api, newcomer):
    answer = api.post(path_of(newcomer, "/request-otp"))
    assert MOMENT.fullmatch(answer.json["conflict"]["retryAt"])


def test_a_verified_user_needs_no_code(api, alice, codes):
    answer = api.post(path_of(alice, "/request-otp"))
    assert (answer.status, answer.code) == (409, "already_verified")
    assert answer.json["conflict"] == {"userId": str(alice.id), "status": "ACTIVATED"}
    assert not codes


# --- POST /users/{id}/validate-otp --------------------------------------------------------------


@pytest.fixture
def accepted(api: Api, codes: Any) -> str:
    """The path of Alice, whose code is in `codes`."""
    body = ALICE | {"dltAddress": "0xA11CE", "dltNetwork": "mainnet"}
    return f"users/{api.post('users', body).json['id']}"


def test_the_right_code_activates_and_opens_the_first_wallet(api, accepted, codes):
    answer = api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.json["status"]) == (200, "ACTIVATED")
    assert answer.json == api.get(accepted).json
    wallets = api.get(answer.json["_links"]["wallets"]["href"].removeprefix("http://testserver"))
    (wallet,) = wallets.json["_embedded"]["wallets"]
    assert (wallet["dltAddress"], wallet["dltNetwork"]) == ("0xA11CE", "mainnet")
    assert (wallet["currency"], wallet["balance"], wallet["status"]) == ("EUR", "0.00", "READY")


def test_every_step_of_an_activation_is_told(api, accepted, codes):
    api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    kinds = [event.kind for event in Event.objects.order_by("id")]
    assert kinds == [
        "user.created",
        "user.phone_verified",
        "user.verified",
        "user.activated",
        "wallet.opened",
    ]


def test_a_wrong_code_is_400(api, accepted, codes):
    answer = api.post(f"{accepted}/validate-otp", {"otp": wrong(codes[0].code)})
    assert (answer.status, answer.code) == (400, "invalid_otp")
    assert "4" in answer.json["detail"]
    assert api.get(accepted).json["status"] == "CREATED"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"otp": "required"}),
        ({"otp": None}, {"otp": "null"}),
        ({"otp": ""}, {"otp": "invalid"}),
        ({"otp": 123456}, {"otp": "invalid"}),
        ({"otp": "12345"}, {"otp": "invalid"}),
        ({"otp": "1234567"}, {"otp": "invalid"}),
        ({"otp": "12345a"}, {"otp": "invalid"}),
        ({"otp": " 123456"}, {"otp": "invalid"}),
        ({"otp": "\uff11\uff12\uff13\uff14\uff15\uff16"}, {"otp": "invalid"}),
        ({"otp": ["123456"]}, {"otp": "invalid"}),
        ({"otp": "123456", "phone": NEW}, {"phone": "unknown_field"}),
    ],
)
def test_a_malformed_code_is_400_and_costs_no_try(body, errors, api, accepted):
    answer = api.post(f"{accepted}/validate-otp", body)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", errors)
    assert Otp.objects.get().tries == 0


def test_an_expired_code_is_409(api, accepted, codes, clock):
    clock.go(600)
    answer = api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "otp_expired")
    assert answer.json["conflict"] == {"userId": accepted.removeprefix("users/")}


def test_after_five_wrong_codes_the_right_one_is_409(api, accepted, codes):
    path = f"{accepted}/validate-otp"
    answers = [api.post(path, {"otp": wrong(codes[0].code)}) for _ in range(5)]
    assert {(answer.status, answer.code) for answer in answers} == {(400, "invalid_otp")}
    answer = api.post(path, {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "otp_tried_out")
    assert api.get(accepted).json["status"] == "CREATED"


def test_a_used_code_is_409(api, accepted, codes):
    api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    answer = api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "already_verified")
    assert Wallet.objects.count() == 1


def test_the_guesses_of_another_client_are_not_counted(stranger, accepted, codes):
    answer = stranger.post(f"{accepted}/validate-otp", {"otp": wrong(codes[0].code)})
    assert answer.status == 404
    assert Otp.objects.get().tries == 0


def test_a_new_number_of_a_blocked_user_does_not_unblock(api, alice, codes):
    api.patch(path_of(alice), {"mobilePhone": NEW})
    cast.User.objects.update(status="BLOCKED")
    answer = api.post(path_of(alice, "/validate-otp"), {"otp": codes[0].code})
    assert (answer.status, answer.json["status"]) == (200, "BLOCKED")


# --- In a browser -------------------------------------------------------------------------------


def test_a_browser_gets_a_page_that_shows_the_user(staff, alice):
    browser = Browser()
    browser.force_login(staff)
    answer = browser.get(f"/api/v1/users/{alice.id}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert str(alice.id) in answer.content.decode()
