"""How users are searched by name, and the client's own pairs of users."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.db import connection

from tests.support import people
from tests.support.user_bodies import ALICE, BOB, COMPANY
from users.models import User

pytestmark = pytest.mark.django_db

PAIRS = {"crm": "1234", "ä🪙": "'\"\\ %s"}


def search(api: people.Api, words: str) -> list[str]:
    answer = api.get(f"users?sort=createdAt,asc&q={quote(words)}")
    assert answer.status == 200, answer.json
    return [user["userName"] for user in answer.json["_embedded"]["users"]]


@pytest.fixture
def three(api):
    bodies = [
        ALICE | {"firstName": "Begoña", "lastName": "García-Márquez"},
        BOB | {"firstName": "Łukasz", "lastName": "O'Brien"},
        COMPANY | {"companyName": "Crème & Brûlée GmbH"},
    ]
    for body in bodies:
        assert api.post("users", body).status == 202


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("begona", ["alice"]),
        ("BEGOÑA", ["alice"]),
        ("Begon\u0303a", ["alice"]),
        ("marquez", ["alice"]),
        ("garc beg", ["alice"]),
        ("García-Márquez", ["alice"]),
        ("egona", []),
        ("begona brien", []),
        ("lukasz", ["bob"]),
        ("o'brien", ["bob"]),
        ("brulee", ["example-ltd"]),
        ("g", ["alice", "example-ltd"]),
        ("' | b:* & !x", []),
        ("&", []),
        ("\\", []),
    ],
)
def test_users_are_found_by_the_beginnings_of_their_names(api, three, words, names):
    assert search(api, words) == names


def test_search_follows_a_change_of_the_name(api, three):
    user = User.objects.get(user_name="alice")
    assert api.patch(f"users/{user.id}", {"lastName": "Novak"}).status == 200
    assert search(api, "marquez") == []
    assert search(api, "nova") == ["alice"]


def test_search_finds_no_users_of_other_clients(stranger, three):
    assert search(stranger, "begona") == []


def test_search_and_other_filters_are_combined(api, three):
    assert search(api, "g&kind=JURIDICAL") == []
    shown = api.get("users?q=g&kind=JURIDICAL,NATURAL&status=CREATED").json["_embedded"]["users"]
    assert [user["userName"] for user in shown] == ["example-ltd", "alice"]


@pytest.mark.parametrize(
    ("found", "index"),
    [
        (User.objects.all().with_name("beg"), "user_of_words_of_name"),
        (User.objects.all().with_pairs('{"crm": "1"}'), "user_of_pairs"),
    ],
)
def test_search_uses_its_index(three, found, index):
    with connection.cursor() as cursor:
        for method in ("seqscan", "indexscan"):
            cursor.execute(f"SET LOCAL enable_{method} = off")
        statement, values = found.query.sql_with_params()
        cursor.execute(f"EXPLAIN {statement}", values)
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert index in plan


# --- Metadata ------------------------------------------------------------------------------------


def test_user_has_metadata(api):
    made = api.post("users", ALICE | {"metadata": PAIRS})
    assert (made.status, made.json["metadata"]) == (202, PAIRS)
    assert api.get(made.headers["Location"]).json["metadata"] == PAIRS


@pytest.mark.parametrize("given", [{}, {"metadata": None}, {"metadata": {}}])
def test_user_without_metadata_gets_null(api, given):
    made = api.post("users", ALICE | given, key="k")
    assert (made.status, made.json["metadata"]) == (202, None)
    assert api.post("users", ALICE, key="k").json == made.json


def test_metadata_is_changed_and_removed(api):
    path = api.post("users", ALICE | {"metadata": PAIRS}).headers["Location"]
    before = api.get(path).headers["ETag"]
    changed = api.patch(path, {"metadata": {"a": "1"}})
    assert (changed.status, changed.json["metadata"]) == (200, {"a": "1"})
    assert changed.headers["ETag"] != before
    assert api.patch(path, {"email": "a@example.com"}).json["metadata"] == {"a": "1"}
    assert api.patch(path, {"metadata": None}).json["metadata"] is None
    assert api.get(path).json["metadata"] is None


def test_put_without_metadata_removes_it(api):
    path = api.post("users", ALICE | {"metadata": PAIRS}).headers["Location"]
    assert api.put(path, ALICE).json["metadata"] is None


@pytest.mark.parametrize(
    ("metadata", "wrong"),
    [
        ("a", {"metadata": "invalid"}),
        ({"a": 1}, {"metadata.a": "not_a_string"}),
        ({"a" * 41: "1"}, {"metadata": "key"}),
    ],
)
def test_wrong_metadata_is_named(api, metadata, wrong):
    answer = api.post("users", ALICE | {"metadata": metadata})
    assert (answer.status, answer.wrong) == (400, wrong)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("metadata[crm]=1234", ["alice", "bob"]),
        ("metadata[crm]=123", []),
        ("metadata[shop]=1234", []),
        (f"metadata[crm]=1234&metadata[{quote('ä🪙')}]={quote(PAIRS['ä🪙'])}", ["alice"]),
        ("metadata[crm]=1234&metadata[shop]=Madrid", ["bob"]),
        ("metadata[crm]=1234&q=exam&status=CREATED&userName=bob", ["bob"]),
    ],
)
def test_users_are_found_by_pairs_of_their_metadata(api, query, names):
    api.post("users", ALICE | {"metadata": PAIRS})
    api.post("users", BOB | {"metadata": {"crm": "1234", "shop": "Madrid"}})
    api.post("users", COMPANY)
    page = api.get(f"users?sort=createdAt,asc&{query}").json
    assert [user["userName"] for user in page["_embedded"]["users"]] == names


def test_links_of_a_page_keep_the_pairs(api):
    for body in (ALICE, BOB):
        api.post("users", body | {"metadata": {"a b": "1&2"}})
    page = api.get("users?metadata[a%20b]=1%262&size=1").json
    assert "metadata%5Ba+b%5D=1%262" in page["_links"]["self"]["href"]
    (user,) = api.get(page["_links"]["next"]["href"]).json["_embedded"]["users"]
    assert user["userName"] == "alice"


def test_pairs_find_no_users_of_other_clients(api, stranger):
    api.post("users", ALICE | {"metadata": PAIRS})
    assert stranger.get("users?metadata[crm]=1234").json["_embedded"]["users"] == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("q=", {"q": "blank"}),
        ("metadata=1", {"metadata": "invalid"}),
        ("metadata[]=1", {"metadata": "key"}),
        ("q=" + "x" * 101, {"q": "max_length"}),
        ("q=a&q=b", {"q": "repeated_parameter"}),
    ],
)
def test_wrong_search_is_named(api, query, wrong):
    assert api.get(f"users?{query}").wrong == wrong
