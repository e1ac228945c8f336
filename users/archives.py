"""Old events, written to files with hashes, and then removed from the database.

A file has the events of a range of positions, all of them, one a line, as the table had them. Its
manifest names its SHA-256 and that of the manifest before it, so the last one stands for all. The
manifest is written after its file, and what has no manifest is written anew: so a process can be
killed at any time.

Only what fills the table is removed: the events of settled movements that no member of staff
caused. Whatever the code looks up later is about other events. The audit takes the archived ones as
read. `docs/verify.py` verifies an archive, without the database.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

import fcntl
import gzip
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from iocash.times import moment

FORMAT: Final = "iocash-events 1"
STEP: Final = 1000
"""Positions of one DELETE, a transaction of its own."""
SHARE: Final = 4
"""After each DELETE, so many times its duration is left to others."""

MOVED: Final = """
    SELECT endpoint.id FROM users_webhookendpoint AS endpoint
    JOIN users_client AS client ON client.id = endpoint.client_id AND client.status = 'MOVED'
"""
END: Final = f"""
    SELECT least(
        released_position,
        (SELECT min(position) FROM users_webhookstream
         WHERE ended_at IS NULL AND endpoint_id NOT IN ({MOVED})),
        (SELECT min(position) - 1 FROM users_webhookdelivery
         WHERE status = 'WAITING' AND endpoint_id NOT IN ({MOVED})),
        (SELECT position - 1 FROM users_event WHERE position > %s AND created_at >= %s
         ORDER BY position LIMIT 1)
    ) FROM users_barrier
"""
"""The last position that can be archived: all before it is old, and was handed to webhooks. Those
of a client that has moved to another group go on there, and not here."""
FIRST_LEFT: Final = """
    SELECT created_at FROM users_event WHERE position > %s ORDER BY position LIMIT 1
"""
READ: Final = """
    SELECT position, row_to_json(event)::text FROM users_event AS event
    WHERE position > %s AND position <= %s ORDER BY position
    FETCH FIRST %s ROWS WITH TIES
"""
"""Clients that were moved here keep their positions, so two can have one: both are in one file."""
NOTE: Final = """
    UPDATE users_barrier SET archived_position = %s, archived_until = %s
    WHERE archived_position < %s
"""
REMOVE: Final = """
    DELETE FROM users_event
    WHERE position > %s AND position <= %s AND created_at < %s
      AND kind = 'movement.settled' AND actor NOT LIKE 'staff:%%' AND id = ANY(%s::uuid[])
"""
"""Of the file's events only: a move can have brought others with positions between them."""


class WrongArchive(Exception):
    """The folder is not the archive that it says."""


class HeldUp(Exception):
    """Old events can't be archived yet. The text says what holds them up."""


@dataclass(frozen=True, slots=True)
class ArchiveManifest:
    """What is known of a file: positions, the time before which its events are, and hashes."""

    format: str
    number: int
    first: int
    last: int
    events: int
    until: str
    sha256: str
    previous: str | None

    @property
    def name(self) -> str:
        return archive_name(self.number)

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def archive_name(number: int) -> str:
    return f"events-{number:06}"


def load_manifests(folder: Path) -> list[ArchiveManifest]:
    """Read the manifests of a folder, in their order.

    Raises:
        WrongArchive: one is missing or edited, or does not follow the one before it.
    """
    found: list[ArchiveManifest] = []
    for path in sorted(folder.glob("events-*.json")):
        read = ArchiveManifest(**json.loads(path.read_text()))
        before = found[-1] if found else None
        follows = (read.previous, read.number) == (
            (before.digest, before.number + 1) if before else (None, 1)
        )
        if not follows or path.name != f"{read.name}.json" or path.read_text() != read.text:
            raise WrongArchive(f"{path.name} does not follow the manifest before it.")
        found.append(read)
    return found


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process work on the folder."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongArchive("Another process works on this folder.") from None
        yield


def write_archive(
    connection: Any, folder: Path, until: datetime, size: int
) -> Iterator[ArchiveManifest]:
    """Write what was created before `until` and is in no file yet, `size` events in a file."""
    known = load_manifests(folder)
    before = known[-1] if known else None
    with connection.cursor() as cursor:
        cursor.execute(END, [before.last if before else 0, until])
        end = cursor.fetchone()[0] or 0
        while True:
            cursor.execute(READ, [before.last if before else 0, end, size])
            rows = cursor.fetchall()
            if not rows:
                return
            before = add_archive_file(folder, rows, until, before)
            yield before


def require_all_archived(connection: Any, folder: Path, until: datetime) -> None:
    """Require that no event that was created before `until` is left out of the files.

    Raises:
        HeldUp: one is.
    """
    known = load_manifests(folder)
    with connection.cursor() as cursor:
        cursor.execute(FIRST_LEFT, [known[-1].last if known else 0])
        row = cursor.fetchone()
    if row and row[0] < until:
        raise HeldUp(
            f"Events since {moment(row[0])} are not archived: an endpoint of webhooks has not got "
            "them, or they are not released."
        )


def add_archive_file(
    folder: Path, rows: list[tuple[int, str]], until: datetime, before: ArchiveManifest | None
) -> ArchiveManifest:
    number = before.number + 1 if before else 1
    content = gzip.compress("".join(f"{line}\n" for _, line in rows).encode(), mtime=0)
    write_durably(folder / f"{archive_name(number)}.ndjson.gz", content)
    made = ArchiveManifest(
        format=FORMAT,
        number=number,
        first=rows[0][0],
        last=rows[-1][0],
        events=len(rows),
        until=until.isoformat(),
        sha256=sha256(content).hexdigest(),
        previous=before.digest if before else None,
    )
    write_durably(folder / f"{made.name}.json", made.text.encode())
    return made


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all, also after a loss of power."""
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_events(connection: Any, folder: Path, *, share: float = SHARE) -> int:
    """Remove the events of the files from the database, in small steps; return how many.

    The position is noted first: readers are told before they can miss anything.

    Raises:
        WrongArchive: a file is not as its manifest says; nothing of it is removed.
    """
    removed = 0
    for manifest in load_manifests(folder):
        marker = folder / f"{manifest.name}.removed"
        if marker.exists():
            continue
        written = events_of_file(folder, manifest)
        until = datetime.fromisoformat(manifest.until)
        with transaction.atomic(connection.alias), connection.cursor() as cursor:
            cursor.execute(NOTE, [manifest.last, until, manifest.last])
        for low in range(manifest.first - 1, manifest.last, STEP):
            high = min(low + STEP, manifest.last)
            ids = [id_ for position, id_ in written if low < position <= high]
            removed += remove_step(connection, [low, high, until, ids], share)
        write_durably(marker, b"")
    return removed


def remove_step(connection: Any, values: list[Any], share: float) -> int:
    begun = time.monotonic()
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute(REMOVE, values)
        removed: int = cursor.rowcount
    time.sleep(share * (time.monotonic() - begun))
    return removed


def events_of_file(folder: Path, manifest: ArchiveManifest) -> list[tuple[int, str]]:
    """The positions and ids of a file's events, which is checked before anything is removed.

    Raises:
        WrongArchive: it is missing, or not as its manifest says.
    """
    path = folder / f"{manifest.name}.ndjson.gz"
    content = path.read_bytes() if path.exists() else b""
    if sha256(content).hexdigest() != manifest.sha256:
        raise WrongArchive(f"{path.name} is missing, or not as its manifest says.")
    lines = gzip.decompress(content).splitlines()
    if len(lines) != manifest.events:
        raise WrongArchive(f"{path.name} has another number of events than its manifest.")
    return [(each["position"], each["id"]) for each in map(json.loads, lines)]
