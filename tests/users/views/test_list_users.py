"""`GET /users` and `GET /users/{id}`."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.support import people
from tests.support.people import Answer, Api
from tests.support.user_bodies import ALICE, BOB, COMPANY, HOST, ROOT, path_of

pytestmark = pytest.mark.django_db


def listed(answer: Answer) -> list[str]:
    """The user names of a page."""
    assert answer.status == 200, answer.json
    return [user["userName"] for user in answer.json["_embedded"]["users"]]


# --- GET /users ---------------------------------------------------------------------------------


@pytest.fixture
def three(api: Api) -> list[str]:
    """The ids of Alice, Bob and a company, in that order."""
    bodies = [ALICE | {"email": "alice@example.com"}, BOB, COMPANY]
    return [api.post("users", body).json["id"] for body in bodies]


def test_list_returns_a_page_newest_first(api, three):
    answer = api.get("users")
    assert listed(answer) == ["example-ltd", "bob", "alice"]
    assert set(answer.json) == {"_links", "_embedded"}
    assert set(answer.json["_links"]) == {"self", "first", "last"}
    assert answer.json["_links"]["self"]["href"] == f"{ROOT}/users"


def test_list_item_equals_the_user(api, three):
    (shown,) = api.get("users?userName=alice").json["_embedded"]["users"]
    assert shown == api.get(f"users/{three[0]}").json


def test_list_of_a_client_without_users_is_empty(api, stranger, three):
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
def test_filter_returns_the_matching_users(query, names, api, three):
    assert listed(api.get(f"users?{urlencode(query)}")) == names


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("kind=ROBOT", {"kind": "invalid_choice"}),
        ("kind=", {"kind": "blank"}),
        ("kind=NATURAL&kind=ROBOT", {"kind": "invalid_choice"}),
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
def test_wrong_parameter_is_named_in_the_400(query, errors, api):
    answer = api.get(f"users?{query}")
    assert (answer.status, answer.code) == (400, "invalid_parameters")
    assert answer.wrong == errors


def walk(api: Api, path: str, rel: str) -> list[list[str]]:
    """Follow a link from page to page; name the users of each."""
    answer = api.get(path)
    pages = [listed(answer)]
    while rel in answer.json["_links"]:
        answer = api.get(answer.json["_links"][rel]["href"].removeprefix(HOST))
        pages.append(listed(answer))
    return pages


@pytest.mark.slow
def test_next_links_keep_filters_and_sort(api, three):
    assert walk(api, "users?size=2", "next") == [["example-ltd", "bob"], ["alice"]]
    assert walk(api, "users?size=1&kind=NATURAL", "next") == [["bob"], ["alice"]]
    oldest = walk(api, "users?size=2&sort=createdAt%2Casc", "next")
    assert oldest == [["alice", "bob"], ["example-ltd"]]


def test_prev_first_and_last_links_work(api, three):
    first = api.get("users?size=2").json["_links"]
    last = first["last"]["href"].removeprefix(HOST)
    assert "prev" not in first
    assert walk(api, last, "prev") == [["bob", "alice"], ["example-ltd"]]
    assert walk(api, last, "next") == [["bob", "alice"]]
    assert listed(api.get(api.get(last).json["_links"]["first"]["href"][17:])) == [
        "example-ltd",
        "bob",
    ]


def test_page_needs_two_queries(api, three, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):  # the key, and the page
        api.get("users")


@pytest.mark.slow
def test_paging_returns_every_user_of_the_client_once(api, stranger):
    for number in range(25):
        body = {"userName": f"u{number}", "mobilePhone": f"+346000002{number:02d}"}
        api.post("users", ALICE | body)
    stranger.post("users", BOB)
    names = [name for page in walk(api, "users", "next") for name in page]
    assert names == [f"u{number}" for number in reversed(range(25))]


# --- GET /users/{id} ----------------------------------------------------------------------------


def test_user_can_be_read(api, alice):
    answer = api.get(path_of(alice))
    assert answer.status == 200
    assert (answer.json["id"], answer.json["status"]) == (str(alice.id), "ACTIVATED")


def test_unknown_user_gets_404(api):
    answer = api.get(f"users/{people.unknown_id()}")
    assert (answer.status, answer.code) == (404, "not_found")


def test_user_endpoint_refuses_parameters(api, alice):
    answer = api.get(path_of(alice, "?expand=wallets"))
    assert (answer.status, answer.wrong) == (400, {"expand": "unknown_parameter"})
