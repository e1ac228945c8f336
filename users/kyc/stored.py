"""Whether the files of documents are stored as their rows say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from users.models import KycDocument
from users.models.kyc_documents import file_storage

CHUNK = 1 << 20


def wrong_files() -> Iterator[str]:
    """Say which files are missing or differ from the hash in their row."""
    rows = KycDocument.objects.exclude(file="").order_by("id").values_list("file", "sha256")
    for name, sha256 in rows.iterator():
        try:
            digest = digest_of(name)
        except OSError as error:
            yield f"The document {name} can't be read: {error.strerror}."
            continue
        if digest != bytes(sha256 or b""):
            yield f"The document {name} differs from its SHA-256."


def digest_of(name: str) -> bytes:
    digest = hashlib.sha256()
    with file_storage().open(name) as content:
        for chunk in content.chunks(CHUNK):
            digest.update(chunk)
    return digest.digest()


def unknown_files() -> list[str]:
    """The stored files that no row names, as after a restore to an instant before them."""
    storage = file_storage()
    found: set[str] = set()
    with suppress(FileNotFoundError):
        for folder in storage.listdir("")[0]:
            found |= {f"{folder}/{name}" for name in storage.listdir(folder)[1]}
    known = KycDocument.objects.exclude(file="").values_list("file", flat=True)
    return sorted(found.difference(known.iterator()))
