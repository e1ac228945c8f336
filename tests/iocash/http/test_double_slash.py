"""A double slash at the head of a published path, as the request collection of ioCash sends it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.support import people
from tests.support.people import Api

pytestmark = pytest.mark.django_db


def at(api: Api, path: str) -> Any:
    """GET a path that Django's test client would take for a host."""
    headers = {"Authorization": f"Bearer {api.secret}"}
    return Browser().get("/", PATH_INFO=path, headers=headers)


@pytest.mark.parametrize("base", ["/api/v1/public", "/api/v2/public"])
def test_double_slash_at_the_head_is_taken_as_one(api, alices, base):
    answer = at(api, f"/{base}/wallets/{alices.id}")
    assert (answer.status_code, answer.json()["id"]) == (200, str(alices.id))
    listed = at(api, f"/{base}/wallets").json()
    assert listed["_links"]["self"]["href"] == f"http://testserver{base}/wallets"
    unknown = at(api, f"/{base}/wallets/{people.unknown_id()}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert unknown.json()["instance"].startswith("/api/")


@pytest.mark.parametrize(
    "path",
    ["//api/v1/wallets", "///api/v1/public/wallets", "/api//v1/public/wallets", "//livez"],
)
def test_double_slash_elsewhere_is_not_found(api, path):
    assert at(api, path).status_code == 404
