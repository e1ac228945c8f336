"""Put approved files into the folder from which the bank's software takes them, each once.

1. The content is written beside its place, under a hidden name, and `placed_at` is committed.
2. The hidden file is renamed to its name: it appears in the folder complete, or not at all.
3. The file is marked as sent.

A process may be killed anywhere. While the hidden file is there, it was not renamed; if it is gone
although `placed_at` is set, it was. So the software of the bank may take a file away at once, and
no file is put there twice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import UUID

from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models.events import By
from wallets.bank.files import content_for_bank, locked, mark_sent
from wallets.models import BankFile

BY: Final = By("system:work")


def place_next_file(folder: Path) -> int:
    """Put the oldest approved file into the folder; return 0 if there is none.

    Raises:
        OSError: the folder can't be written to; nothing was sent.
    """
    found = prepare_file(folder)
    if found is None:
        return 0
    file_id, name = found
    hidden = hidden_path(folder, name)
    if hidden.exists():
        hidden.replace(folder / name)
        flush_folder(folder)
    with single_transaction():
        mark_sent(locked(file_id), BY)
    return 1


def prepare_file(folder: Path) -> tuple[UUID, str] | None:
    """Write the hidden file of the oldest approved file, unless that was done before."""
    with single_transaction():
        waiting = BankFile.objects.unsent().select_for_update(no_key=True, skip_locked=True)
        file = waiting.order_by("id").first()
        if file is None:
            return None
        if file.placed_at is None:
            write_hidden(hidden_path(folder, file.name), content_for_bank(file))
            file.placed_at = clock.now()
            file.save(update_fields=["placed_at"])
        return file.id, file.name


def hidden_path(folder: Path, name: str) -> Path:
    return folder / f".{name}.part"


def write_hidden(path: Path, content: bytes) -> None:
    with path.open("wb") as target:
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
