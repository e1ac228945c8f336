"""Documents over the API: sent as base64, kept aside, given back as they came."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from threading import BoundedSemaphore

import pytest

from tests.support import hostile_files, ordinary_files, people
from tests.support.kyc import CARD, DOCUMENTS, PAGE, document, files, padded, review, stored
from tests.support.people import Api
from tests.support.user_bodies import MOMENT, ROOT
from users import demo_documents
from users.documents import MOST_BYTES, processes
from users.models import Event, Key, KycDocument, User
from users.models.clients import SCOPES
from wallets import posting
from wallets.orders.users import UnsubscribeUser

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("new_ids")]

PHOTO = demo_documents.draw_picture("A card", kind="JPEG")
OTHER = demo_documents.draw_picture("Another card")
UNKNOWN = people.unknown_id()

each_kind = pytest.mark.parametrize("kind", DOCUMENTS)
each_method = pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
each_writing = pytest.mark.parametrize("method", ["POST", "PUT"])


@pytest.fixture
def path(alice: User) -> str:
    """The front of Alice's identity document."""
    return f"users/{alice.id}/documents/identity-front"


# --- It works, and answers the resource ----------------------------------------------------------


@each_kind
@each_writing
def test_document_is_created_as_pending(api, alice, kind, method):
    path = f"users/{alice.id}/documents/{kind}"
    answer = api.call(method, path, document())
    assert answer.status == 201
    assert answer.headers["Location"] == f"{ROOT}/{path}"
    assert MOMENT.fullmatch(answer.json.pop("createdAt"))
    user = f"{ROOT}/users/{alice.id}"
    assert answer.json == {
        "kind": kind,
        "mediaType": "image/png",
        "size": len(CARD.content),
        "sha256": hashlib.sha256(CARD.content).hexdigest(),
        "status": "PENDING",
        "reason": None,
        "reviewedAt": None,
        "_links": {
            "self": {"href": f"{ROOT}/{path}"},
            "user": {"href": user},
            "compliance": {"href": f"{user}/compliance"},
        },
    }


@pytest.mark.parametrize("file", [CARD, PHOTO, PAGE], ids=["png", "jpeg", "pdf"])
@pytest.mark.parametrize("named", [True, False])
def test_document_content_is_returned_unchanged(api, path, file, named):
    names = {"mediaType": file.media_type} if named else {}
    made = api.put(path, document(file, **names))
    read = api.get(made.headers["Location"])
    content = base64.b64decode(read.json.pop("content"))
    assert (made.status, read.status, content) == (201, 200, file.content)
    assert read.json == made.json
    assert read.json["mediaType"] == file.media_type


@pytest.mark.slow
def test_document_of_five_million_bytes_is_accepted_and_returned(api, path):
    large = padded(MOST_BYTES)
    assert api.post(path, document(large)).json["size"] == 5_000_000
    assert base64.b64decode(api.get(path).json["content"]) == large


def test_document_over_five_million_bytes_is_refused(api, path):
    answer = api.post(path, document(padded(MOST_BYTES + 1)))
    assert (answer.status, answer.wrong) == (400, {"content": "too_large"})


def test_put_replaces_the_document(api, alice, path):
    api.post(path, document(CARD))
    answer = api.put(path, document(PAGE))
    assert (answer.status, "Location" in answer.headers) == (200, False)
    assert base64.b64decode(api.get(path).json["content"]) == PAGE.content
    assert [status for _, status in stored(alice)] == ["REPLACED", "PENDING"]


def test_replaced_document_keeps_its_file(api, alice, path):
    api.post(path, document(CARD))
    api.put(path, document(PAGE))
    kept = {file.read_bytes() for file in files(alice)}
    assert kept == {CARD.content, PAGE.content}


def test_same_put_twice_changes_nothing(api, alice, path):
    first = api.put(path, document())
    events = Event.objects.count()
    again = api.put(path, document())
    assert (again.status, again.json) == (200, first.json)
    assert (len(files(alice)), KycDocument.objects.count(), Event.objects.count()) == (1, 1, events)


def test_document_returns_its_rejection(api, alice, path):
    api.put(path, document())
    review(alice, KycDocument.objects.get(), reason="Blurred")
    shown = api.get(path).json
    assert (shown["status"], shown["reason"]) == ("REJECTED", "Blurred")
    assert MOMENT.fullmatch(shown["reviewedAt"])


def test_iban_document_does_not_create_the_iban_block(api, alice):
    api.put(f"users/{alice.id}/documents/external-iban", document())
    assert api.get(f"users/{alice.id}/external-iban").status == 404


# --- What is refused ------------------------------------------------------------------------------


CONTENT = document()["content"]


@pytest.mark.parametrize(
    "content",
    [
        f" {CONTENT}",
        f"{CONTENT} ",
        f"{CONTENT[:76]} {CONTENT[76:]}",
        CONTENT.replace("/", "_").replace("+", "-"),
        f"{CONTENT}=",
        f"{CONTENT}AAAA====",
        CONTENT[:-1],
        f"data:image/png;base64,{CONTENT}",
        "%",
        "=",
        "====",
        "A",
        "iVBORw0KGgo",
        "iVBORw0KGgp=",
        "ｉＶＢＯ",  # noqa: RUF001
        "",
    ],
    ids=lambda content: content[:10] + content[-10:],
)
def test_invalid_base64_is_refused(api, path, content):
    assert api.put(path, {"content": content}).wrong == {"content": "invalid"}


@pytest.mark.parametrize("content", [1, 1.5, True, [], {}, [CONTENT], {"a": CONTENT}], ids=repr)
def test_non_string_content_is_refused(api, path, content):
    assert api.put(path, {"content": content}).wrong == {"content": "invalid"}


@pytest.mark.parametrize("broken", [CONTENT[:-4] + "\n" + CONTENT[-4:], f"{CONTENT}\r\n"])
def test_base64_with_line_breaks_is_refused(api, path, broken):
    answer = api.put(path, {"content": broken})
    assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", [{}, {"mediaType": "image/png"}, {"file": CONTENT}])
def test_content_is_required(api, path, body):
    assert api.put(path, body).wrong["content"] == "required"


def test_null_content_is_refused(api, path):
    answer = api.put(path, {"content": None, "mediaType": None})
    assert answer.wrong == {"content": "null", "mediaType": "null"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<script>alert(1)</script>", "unknown_type"),
        (b"GIF89a", "unknown_type"),
        (CARD.content + b"<?php ?>", "trailing_data"),
        (CARD.content[:-20], "damaged"),
        (b"%PDF-1.4\n<html>", "damaged"),
        (hostile_files.many_profiles(), "too_complex"),
        (hostile_files.png(width=10_000, height=10_000), "too_many_pixels"),
        (
            hostile_files.pdf(b"<< /S /#4aavaScript >>", catalog=b"/OpenAction 4 0 R"),
            "active_content",
        ),
    ],
)
def test_invalid_document_is_refused_and_not_stored(api, alice, path, content, code):
    answer = api.put(path, document(content))
    assert (answer.status, answer.wrong) == (400, {"content": code})
    assert (files(alice), stored(alice)) == ([], [])


@pytest.mark.parametrize("named", ["image/jpeg", "application/pdf"])
def test_wrong_media_type_is_refused(api, path, named):
    assert api.put(path, document(CARD, mediaType=named)).wrong == {"mediaType": "other_type"}


@pytest.mark.parametrize("named", ["", "image/PNG", "text/html", "image/png; x=y", 1])
def test_unknown_media_type_is_refused(api, path, named):
    assert api.put(path, document(CARD, mediaType=named)).wrong == {"mediaType": "invalid_choice"}


def test_all_wrong_fields_are_named_together(api, path):
    body = {"content": "%", "mediaType": "x", "sha256": "a", "status": "APPROVED", "kind": "x"}
    assert api.put(path, body).wrong == {
        "content": "invalid",
        "mediaType": "invalid_choice",
        "sha256": "unknown_field",
        "status": "unknown_field",
        "kind": "unknown_field",
    }


def test_second_post_of_a_document_gets_409(api, alice, path):
    api.post(path, document(CARD))
    answer = api.post(path, document(PAGE), key="k")
    assert (answer.status, answer.code) == (409, "already_exists")
    conflict = {"field": "documents/identity-front", "userId": str(alice.id)}
    assert answer.json["conflict"] == conflict
    assert (len(files(alice)), Key.objects.count()) == (1, 0)


@each_writing
def test_unsubscribed_user_gets_409(api, alice, path, method):
    posting.submit(UnsubscribeUser(client_id=alice.client_id, by=people.BY, user_id=alice.id))
    answer = api.call(method, path, document())
    assert (answer.status, answer.code) == (409, "user_not_active")
    assert files(alice) == []


def test_photo_with_two_pictures_is_returned_unchanged(api, path):
    content = ordinary_files.two_pictures() + ordinary_files.trailer()
    made = api.put(path, document(content))
    assert (made.status, made.json["mediaType"]) == (201, "image/jpeg")
    assert base64.b64decode(api.get(path).json["content"]) == content


@each_writing
def test_document_gets_503_when_all_inspection_slots_are_used(
    api, alice, path, monkeypatch, method
):
    full = BoundedSemaphore(1)
    monkeypatch.setattr(processes, "INSPECT", replace(processes.INSPECT, room=full, patience=0))
    with full:
        answer = api.call(method, path, document(PAGE), key="k" if method == "POST" else None)
    assert (answer.status, answer.code) == (503, "overloaded")
    assert (files(alice), Key.objects.count()) == ([], 0)
    assert api.call(method, path, document(PAGE)).status == 201


# --- Who may --------------------------------------------------------------------------------------


@each_method
def test_document_of_another_client_gets_404(stranger, api, alice, path, method):
    api.put(path, document())
    answer = stranger.call(method, path, document(), key="k" if method == "POST" else None)
    assert (answer.status, answer.code) == (404, "not_found")
    assert (len(files(alice)), Key.objects.count()) == (1, 0)


@each_method
@pytest.mark.parametrize(
    "address",
    [
        "users/{user}/documents/selfie",
        "users/{user}/documents/identity",
        "users/{user}/documents/IDENTITY-FRONT",
        "users/{user}/documents/identity_front",
        "users/{user}/documents/identity-front/x",
        "users/{user}/documents/..%2Fidentity",
        "users/{user}/documents/",
        f"users/{UNKNOWN}/documents/identity-front",
        "users/1/documents/identity-front",
    ],
)
def test_unknown_document_kind_gets_404(api, alice, method, address):
    answer = api.call(method, address.format(user=alice.id), document())
    assert (answer.status, answer.code) == (404, "not_found")


@each_method
def test_request_without_a_key_gets_401(nobody, path, method):
    answer = nobody.call(method, path, document())
    assert (answer.status, answer.code) == (401, "not_authenticated")


@each_method
def test_key_without_the_scope_is_refused(client_demo, alice, path, method):
    scope = "users:read" if method == "GET" else "users:write"
    api = Api(people.a_key(client_demo, *set(SCOPES) - {scope}))
    answer = api.call(method, path, document())
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert files(alice) == []


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_wrong_method_is_refused(api, path, method):
    answer = api.call(method, path, {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, PUT, HEAD, OPTIONS"


# --- The same key ---------------------------------------------------------------------------------


def test_same_key_creates_one_document(api, alice, path):
    first = api.post(path, document(), key="k")
    again = api.post(path, document(mediaType="image/png"), key="k")
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(files(alice)) == 1


def test_same_key_for_another_document_is_refused(api, alice, path):
    api.post(path, document(CARD), key="k")
    answer = api.post(path, document(OTHER), key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"]["id"] == str(KycDocument.objects.get().id)
    assert len(files(alice)) == 1


def test_same_key_for_another_kind_is_refused(api, alice, path):
    api.post(path, document(), key="k")
    other = path.replace("front", "back")
    assert api.post(other, document(), key="k").code == "idempotency_key_reused"
