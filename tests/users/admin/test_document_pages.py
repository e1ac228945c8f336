"""A document on a page for people, and a document that is being erased."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings

from tests.support import people
from tests.support.kyc import CARD, PAGE, document, files, stored
from tests.support.people import Api
from users import documents
from users.kyc import looks
from users.models import User
from users.serializers.kyc import Content
from wallets import erasure, posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(alice: User) -> str:
    """The front of Alice's identity document."""
    return f"users/{alice.id}/documents/identity-front"


# --- On a page for people -------------------------------------------------------------------------


def html(api: Api, method: str, path: str, **options: Any) -> str:
    headers = {"Authorization": f"Bearer {api.secret}", "Accept": "text/html"}
    answer = api.browser.generic(method, f"/api/v1/{path}", headers=headers, **options)
    return str(answer.content.decode())


def test_html_page_neither_reads_nor_shows_the_content(api, path, monkeypatch):
    api.put(path, document(PAGE))
    content = document(PAGE)["content"]
    checked: list[bytes] = []
    monkeypatch.setattr(documents, "media_type_of", checked.append)
    monkeypatch.setattr(looks, "open_file", checked.append)
    shown = html(api, "GET", path)
    assert "application/pdf" in shown
    assert "(left out of this page: ask for application/json)" in shown
    assert content[:40] not in shown
    assert checked == []


def test_html_form_contains_an_example_and_not_the_document(api, path):
    api.put(path, document(PAGE))
    forms = html(api, "GET", path).split("<textarea")[1:]
    assert len(forms) == 2
    for form in forms:
        assert Content.example[:40] in form
        assert "application/pdf" not in form


def test_html_refusal_does_not_repeat_the_document(api, path):
    body = json.dumps(document(CARD.content[:-1]))
    shown = html(api, "PUT", path, data=body, content_type="application/json")
    assert "damaged" in shown
    assert document(CARD)["content"][:40] not in shown


# --- While it is erased ------------------------------------------------------------------------


def test_document_gets_404_when_its_erasure_has_begun(api, alice, path, monkeypatch):
    """The files are erased first; the erasure is interrupted after that."""
    api.post(path, document())
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "blank", interrupted)
        with pytest.raises(KeyboardInterrupt):
            erasure.erase(user_id=alice.id, by=people.BY, reason="AUTHORITY_ORDER")
    assert (len(stored(alice)), files(alice)) == (1, [])
    answer = api.get(path)
    assert (answer.status, answer.code) == (404, "not_found")
    erasure.erase(user_id=alice.id, by=people.BY, reason="AUTHORITY_ORDER")
    assert api.get(path).code == "not_found"


def interrupted(user: User) -> None:
    raise KeyboardInterrupt


def test_lost_file_raises_instead_of_404(api, alice, path):
    """A 404 would say that Alice sent nothing; the operator must see the error instead."""
    api.post(path, document())
    (kept,) = files(alice)
    lost = kept.rename(kept.with_suffix(".lost"))
    with pytest.raises(FileNotFoundError):
        api.get(path)
    lost.rename(kept)


class Unread:
    """A body that nobody may read."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("it is read")

    def readline(self, *_: Any) -> bytes:
        raise AssertionError("it is read")


@pytest.mark.parametrize("size", [settings.MAX_DOCUMENT_BODY_BYTES + 1, 50_000_000])
def test_large_body_is_refused_before_reading(api, path, size):
    answer = api.browser.generic(
        "POST",
        f"/api/v1/{path}",
        headers={"Authorization": f"Bearer {api.secret}"},
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=str(size),
        **{"wsgi.input": Unread()},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "body_too_large")
