"""Where documents are kept: apart, for the server only, and never in part."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError

from iocash.settings import BASE_DIR
from tests.support import people
from tests.support.kyc import document, files, stored
from users import demo_documents, kyc
from users.models import Key, KycDocument, User, events

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("new_ids")]

OTHER = demo_documents.draw_picture("Another card")

each_writing = pytest.mark.parametrize("method", ["POST", "PUT"])


@pytest.fixture
def path(alice: User) -> str:
    """The front of Alice's identity document."""
    return f"users/{alice.id}/documents/identity-front"


def test_document_files_are_private_and_outside_the_checkout(api, alice, path):
    api.put(path, document())
    (file,) = files(alice)
    row = KycDocument.objects.get()
    assert row.file.name == f"{alice.id}/{row.id}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not file.is_relative_to(BASE_DIR)


def test_documents_are_not_served_as_static_files(api, nobody, alice, path):
    api.put(path, document())
    name = KycDocument.objects.get().file.name
    for folder in ("static/", "static/../documents/", "media/", "documents/", ""):
        assert nobody.browser.get(f"/{folder}{name}").status_code == 404


def test_documents_folder_is_outside_every_static_folder():
    from iocash.settings import DOCUMENTS_DIR, STATICFILES_DIRS

    kept = Path(DOCUMENTS_DIR)
    assert not any(kept.is_relative_to(served) for served in STATICFILES_DIRS)


def test_failed_insertion_leaves_no_file(alice, monkeypatch):
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(events, "record_about", fail)
    with pytest.raises(DatabaseError):
        demo_documents.send_samples(alice, frozenset({kyc.Kind.DOCUMENT_INCOME_TAX}), people.BY)
    assert (files(alice), stored(alice)) == ([], [])


def full(half: bool) -> Any:
    """A disk that is full before the first byte, or in the midst."""

    def save(self: FileSystemStorage, name: str, content: ContentFile[bytes]) -> str:
        if half:
            place = Path(self.path(name))
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content.read()[:10])
        raise OSError(28, "No space left on device")

    return save


@each_writing
@pytest.mark.parametrize("half", [False, True], ids=["before", "in the midst"])
def test_full_disk_gets_500_and_leaves_no_file_or_row(api, alice, path, monkeypatch, method, half):
    api.put(path, document(OTHER)) if method == "PUT" else None
    before = files(alice), stored(alice)
    with monkeypatch.context() as patched:
        patched.setattr(FileSystemStorage, "_save", full(half))
        api.browser.raise_request_exception = False
        answer = api.call(method, path, document(), key="k" if method == "POST" else None)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "space" not in str(answer.json)
    assert (files(alice), stored(alice)) == before
    assert not Key.objects.exists()
    again = api.call(method, path, document(), key="k" if method == "POST" else None)
    assert again.status == (201 if method == "POST" else 200)


def test_document_with_a_lost_file_gets_500(api, alice, path):
    api.put(path, document())
    for file in files(alice):
        file.unlink()
    api.browser.raise_request_exception = False
    answer = api.get(path)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert str(alice.id) not in answer.json["detail"]
