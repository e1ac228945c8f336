"""Put approved files into the folder from which the bank's software takes them, each once.

1. The content is written beside its place, under a hidden name, and `placed_at` is committed.
2. Under the lock of the file: if it still is approved, it is marked as sent, and committed.
3. Under the lock again: the hidden file gets its name, so it appears complete or not at all.
   `dropped_at` is committed.

A process may be killed anywhere. Before step 2 the folder has nothing, so a hidden file that is
missing is written again, and a file that somebody has downloaded or taken back is left alone. After
step 2 nobody else hands the file over, and step 3 is repeated while the hidden file is there. If it
is gone and `dropped_at` was not written, nobody knows whether the bank's software has taken it: it
is not put there again, since a payment that is sent twice is worse than a late one. `lost_at` says
so on the page of the file, and people ask the bank.

The content has payees, so only the user of the worker, and root, can read what it writes.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models.events import By
from wallets.bank.files import WORKER, content_for_bank, locked, mark_file_sent
from wallets.models import BankFile

log = logging.getLogger(__name__)

BY: Final = By(WORKER)
PRIVATE: Final = 0o600
PART: Final = "part"


def place_next_file(folder: Path) -> int:
    """Put the oldest file that is due into the folder; return 0 if there is none.

    Raises:
        OSError: the folder can't be written to; what was not sent is tried again.
    """
    if (sent := next_of(half_placed())) is not None:
        move_into_place(folder, sent)
        return 1
    found = prepare_file(folder)
    if found is None:
        remove_leftovers(folder)
        return 0
    if send_if_approved(folder, found):
        move_into_place(folder, found)
    return 1


def half_placed() -> QuerySet[BankFile]:
    """The files that a worker has marked as sent, and of which it is not known what follows."""
    return BankFile.objects.filter(
        state=BankFile.State.SENT, sent_by=WORKER, dropped_at=None, lost_at=None
    )


def next_of(files: QuerySet[BankFile]) -> UUID | None:
    """The oldest of these files that no other process works at."""
    with single_transaction():
        rows = files.select_for_update(no_key=True, skip_locked=True).order_by("id")
        return rows.values_list("id", flat=True).first()


def prepare_file(folder: Path) -> UUID | None:
    """Write the hidden file of the oldest approved file, unless it is there."""
    with single_transaction():
        waiting = BankFile.objects.unsent().select_for_update(no_key=True, skip_locked=True)
        file = waiting.order_by("id").first()
        if file is None:
            return None
        hidden = hidden_path(folder, file.name)
        if file.placed_at is None or not hidden.exists():
            write_hidden(hidden, content_for_bank(file))
            file.placed_at = clock.now()
            file.save(update_fields=["placed_at"])
        return file.id


def send_if_approved(folder: Path, file_id: UUID) -> bool:
    """Mark a file as sent, if it is approved and its hidden file is there; return whether it is.

    A download, or two people who take it back, may have been first: the file is theirs then.
    """
    with single_transaction():
        file = locked(file_id)
        if file.state != BankFile.State.APPROVED or not hidden_path(folder, file.name).exists():
            return False
        mark_file_sent(file, BY)
        return True


def move_into_place(folder: Path, file_id: UUID) -> None:
    """Give the hidden file of a sent file its name, once; or note that it is gone."""
    with single_transaction():
        file = locked(file_id)
        if file.dropped_at is not None or file.lost_at is not None:
            return
        hidden, place = hidden_path(folder, file.name), folder / file.name
        if hidden.exists():
            hidden.replace(place)
            flush_folder(folder)
            file.dropped_at = clock.now()
        elif place.exists():
            file.dropped_at = clock.now()
        else:
            require_folder(folder)
            log.error("the bank file %s may not be in the folder of the bank", file.message_id)
            file.lost_at = clock.now()
        file.save(update_fields=["dropped_at", "lost_at"])


def require_folder(folder: Path) -> None:
    """Require that the folder is there: else nothing is known of what was in it.

    Raises:
        OSError: it is not.
    """
    with os.scandir(folder):
        return


def remove_leftovers(folder: Path) -> None:
    """Remove hidden files that are not to be sent: their files were downloaded or taken back."""
    for path in folder.glob(f".pain.001-*.xml.{PART}"):
        name = path.name.removeprefix(".").removesuffix(f".{PART}")
        message_id = name.removeprefix("pain.001-").removesuffix(".xml")
        with single_transaction():
            file = BankFile.objects.locked().filter(message_id=message_id).first()
            is_due = file is None or file.state == BankFile.State.APPROVED
            if file and not is_due and not half_placed().filter(id=file.id).exists():
                path.unlink(missing_ok=True)


def hidden_path(folder: Path, name: str) -> Path:
    return folder / f".{name}.{PART}"


def write_hidden(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, and have the disk keep it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Write the names of the folder to the disk."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
