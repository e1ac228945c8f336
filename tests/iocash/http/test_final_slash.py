"""Addresses with a final slash: browsers are led to the page, programs get what is unknown."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGE = "/api/v1/wallets"


def ask(method: str, address: str, accept: str | None = BROWSER["Accept"]) -> Any:
    headers = {"Accept": accept} if accept else {}
    return Client(headers=headers).generic(method, address)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("page", [PAGE, "/api/v1", "/api/docs", "/api/docs/holds", "/livez"])
def test_browser_is_led_to_the_page_without_the_slash(method, page):
    answer = ask(method, f"{page}/")
    assert (answer.status_code, answer["Location"]) == (301, page)
    assert (answer["Vary"], answer["Cache-Control"]) == ("Accept", "no-store")


def test_query_stays():
    assert ask("GET", f"{PAGE}/?size=5&q=a%26b")["Location"] == f"{PAGE}?size=5&q=a%26b"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_program_gets_not_found(accept):
    answer = ask("GET", f"{PAGE}/", accept)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_get_not_found(method):
    assert ask(method, f"{PAGE}/").status_code == 404


@pytest.mark.parametrize("address", ["/api/", "/api/v1/nothing/", f"{PAGE}//", "//api/v1/"])
def test_unknown_page_is_not_found(address):
    assert ask("GET", address).status_code == 404


@pytest.mark.parametrize(
    "address", ["/%2Fother.example/", "/%2Fother.example/api/v1/", "/%5Cother/"]
)
def test_nobody_is_led_to_another_host(address):
    assert ask("GET", address).status_code == 404
