"""Whether the files of documents are stored as their rows say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from iocash.db import groups
from users.models import KycDocument
from users.models.clients import has_moved
from users.models.kyc_documents import file_storage
from users.searched_groups import look_in

CHUNK = 1 << 20


def wrong_files() -> Iterator[str]:
    """Say which files are missing or differ from the hash in their row.

    Those of a client that has moved to another group are verified there, where they may have been
    erased since.
    """
    here = KycDocument.objects.exclude(file="").exclude(has_moved())
    for name, sha256 in here.order_by("id").values_list("file", "sha256").iterator():
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
    """The stored files that no row names, as after a restore to an instant before them.

    Groups of clients share the storage, so each of them is asked.

    Raises:
        DatabaseUnavailable, OperationalError, InterfaceError: another group does not answer.
    """
    storage = file_storage()
    found: set[str] = set()
    with suppress(FileNotFoundError):
        for folder in storage.listdir("")[0]:
            found |= {f"{folder}/{name}" for name in storage.listdir(folder)[1]}
    for name in groups.names():
        found -= look_in(name, named_files)
    return sorted(found)


def named_files() -> set[str]:
    """The files that rows of the group of this thread name."""
    return {*KycDocument.objects.exclude(file="").values_list("file", flat=True).iterator()}
