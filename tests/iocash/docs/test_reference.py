"""How the documentation is served: the document to programs, its reference to people."""

from __future__ import annotations

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from iocash.docs import reference

PATHS = ["/api/schema", "/api/schema/published"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html,*/*;q=0.8"])
def test_schema_is_json_for_any_accept_header(accept: str) -> None:
    answer = Client().get("/api/schema", HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json()["openapi"] == "3.1.1"


def test_schema_ignores_a_bad_key() -> None:
    assert Client().get("/api/schema", HTTP_AUTHORIZATION="Bearer x").status_code == 200


def test_schema_refuses_parameters() -> None:
    assert Client().get("/api/schema?lang=de").json()["code"] == "invalid_parameters"


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
def test_swagger_page_loads_local_files_only(accept: str) -> None:
    answer = Client().get("/api/docs", HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert all(re.match(r"/(?!/)", address) for address in addresses)
    static = [address for address in addresses if address.startswith("/static/")]
    assert len(static) == 8
    assert all(finders.find(address.removeprefix("/static/")) for address in static)
    assert not re.search(r"<style|<script>", answer.text)


def test_swagger_script_is_a_separate_file() -> None:
    page = Client().get("/api/docs").text
    (address,) = re.findall(r'src="(/api/docs[^"]*)"', page)
    answer = Client().get(address)
    assert answer["Content-Type"] == "application/javascript"
    assert '"/api/schema"' in answer.text.replace("\\u002D", "-")


def test_swagger_page_accepts_get_only() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/docs")
    assert (answer.status_code, answer["Allow"]) == (400, "GET, HEAD, OPTIONS")
    assert answer.json()["code"] == "method_not_allowed"
    assert Client().head("/api/docs").status_code == 200


@pytest.mark.slow
def test_schema_is_generated_once_by_concurrent_requests() -> None:
    """The generator keeps state in its classes, so concurrent runs would interfere."""
    made = []

    class Counted(SchemaGenerator):
        def get_schema(self, *args: Any, **kwargs: Any) -> Any:
            made.append(self)
            return super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]

    document = reference.Document(Counted)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(document.served, f"http://{number}") for number in range(4)]
    assert (len({each.result() for each in asked}), len(made)) == (4, 1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "*"])
def test_document_is_compressed_for_callers_with_gzip(path: str, accepted: str) -> None:
    plain, answer = Client().get(path), Client().get(path, HTTP_ACCEPT_ENCODING=accepted)
    assert answer["Content-Encoding"] == "gzip"
    assert answer["Content-Type"] == "application/json"
    assert gzip.decompress(answer.content) == plain.content
    assert len(answer.content) < len(plain.content) / 7
    assert answer["Vary"] == plain["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0"])
def test_schema_is_plain_for_other_callers(accepted: str) -> None:
    answer = Client().get("/api/schema", HTTP_ACCEPT_ENCODING=accepted)
    assert "Content-Encoding" not in answer.headers
    assert answer.json()["openapi"] == "3.1.1"


def test_schema_is_compressed_once() -> None:
    document = reference.Document(reference.OwnGenerator)
    assert document.served("http://one") is document.served("http://one")
    assert document.served("http://one") != document.served("http://two")


@pytest.mark.parametrize("path", PATHS)
def test_schema_names_the_server_that_was_asked(path: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["wallets.example"]
    answer = Client().get(path, headers={"host": "wallets.example"})
    assert [each["url"] for each in answer.json()["servers"]] == ["http://wallets.example"]


def test_each_schema_has_its_own_paths() -> None:
    own, published = (set(Client().get(path).json()["paths"]) for path in PATHS)
    assert {"/api/v1/wallets", "/api/schema/published", "/livez"} <= own
    assert "/api/v1/public/wallets" in published
    assert not own & published
