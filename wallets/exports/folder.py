"""The folder of an export: its files, their digests, and the manifest, which is written last.

A folder without a manifest is an export that was interrupted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from wallets.anchors.blocks import replacing

FORMAT: Final = "iocash-export 1"
MANIFEST: Final = "manifest.json"
DOCUMENTS: Final = "documents"
"""The folder with the files of users, and the name of the list of them."""
STAFF: Final = "staff"
BLOCK: Final = 1 << 20
"""Bytes that are read at once."""


class BadExport(Exception):
    """The folder is no complete export, or was changed, or does not fit this server."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the manifest says of a file of lines."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export is, and what its files must be."""

    format: str
    created_at: str
    """The time of the snapshot, by the clock of the database."""
    clients: list[dict[str, str]]
    is_frozen: bool
    """Whether the clients were suspended, and nothing was being sent to their endpoints."""
    migrations: list[str]
    released_at: str
    released_position: int
    last_position: int
    clock_offset: float | None
    """Seconds by which the clock of a sandbox is ahead; None: it is no sandbox."""
    secrets: dict[str, Any] | None
    """How the secrets are encrypted; None: they were left out."""
    missing_documents: int
    heads: dict[str, Any]
    """The number of wallets, and the Merkle root over the lines of them that an anchor has."""
    files: list[FileFacts]
    """In the order of an import."""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read it.

        Raises:
            BadExport: there is none, or it is of another format.
        """
        try:
            found = json.loads((folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            raise BadExport(f"{folder} has no {MANIFEST}: the export was interrupted.") from None
        except ValueError:
            raise BadExport(f"{MANIFEST} is no JSON.") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BadExport(f"{MANIFEST} is not of the format {FORMAT!r}.")
        try:
            return cls(**{**found, "files": [FileFacts(**each) for each in found["files"]]})
        except (KeyError, TypeError) as error:
            raise BadExport(f"{MANIFEST} lacks fields, or has others.") from error

    def write(self, folder: Path) -> str:
        """Write it; return its digest."""
        text = json.dumps(asdict(self), indent=1)
        with replacing(folder / MANIFEST) as out:
            out.write(text)
        return hashlib.sha256(text.encode()).hexdigest()


class LinesWriter:
    """Writes a file of lines, and counts and digests them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = f"{name}.ndjson"
        path = folder / self.name
        path.touch(mode=0o600)
        self.out = path.open("wb")
        self.hashed = hashlib.sha256()
        self.rows = self.size = 0

    def write(self, line: bytes) -> None:
        """Write a line, which ends with a newline."""
        self.out.write(line)
        self.hashed.update(line)
        self.rows += 1
        self.size += len(line)

    def close(self) -> FileFacts:
        self.out.close()
        return FileFacts(self.name, self.rows, self.size, self.hashed.hexdigest())


def facts_of_file(path: Path) -> FileFacts:
    """The facts of a file as it is; memory does not grow with it."""
    digest, rows, size = hashlib.sha256(), 0, 0
    for block in blocks_of(path):
        digest.update(block)
        rows += block.count(b"\n")
        size += len(block)
    return FileFacts(path.name, rows, size, digest.hexdigest())


def blocks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as given:
        while block := given.read(BLOCK):
            yield block


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Verify that the folder has the files of its manifest, and no others.

    Raises:
        BadExport: a file is missing, was changed, or is not in the manifest.
    """
    names = {each.name for each in manifest.files}
    if strangers := {path.name for path in folder.glob("*.ndjson")} - names:
        raise BadExport(f"{min(strangers)} is not in the manifest.")
    for expected in manifest.files:
        try:
            found = facts_of_file(folder / expected.name)
        except FileNotFoundError:
            raise BadExport(f"{expected.name} is missing.") from None
        if found.rows != expected.rows:
            raise BadExport(
                f"{expected.name} has {found.rows} lines; the manifest says {expected.rows}."
            )
        if found != expected:
            raise BadExport(f"{expected.name} was changed: its SHA-256 is another one.")
    for document in listed_documents(folder):
        verify_document(folder, document)


def listed_documents(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / f"{DOCUMENTS}.ndjson").open() as lines:
        yield from map(json.loads, lines)


def verify_document(folder: Path, document: dict[str, Any]) -> None:
    """Verify a file of a user.

    Raises:
        BadExport: it is missing, was changed, or is outside of the folder.
    """
    path = folder / DOCUMENTS / document["name"]
    if not path.resolve().is_relative_to((folder / DOCUMENTS).resolve()):
        raise BadExport(f"The document {document['name']!r} is outside of the folder.")
    try:
        found = facts_of_file(path)
    except FileNotFoundError:
        raise BadExport(f"The document {document['name']} is missing.") from None
    if (found.bytes, found.sha256) != (document["bytes"], document["sha256"]):
        raise BadExport(f"The document {document['name']} was changed.")
