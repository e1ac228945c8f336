"""Numbers that all processes of a server add to, in one file that they map into memory.

The file has a fixed size and is divided into slots. A process claims a free slot by a lock that it
holds while it lives, and adds to this slot only. When it ends, however it ends, the kernel drops
the lock, and the next process that starts takes the slot over together with its numbers. So no
number goes back, and nothing is left behind by processes that were killed.

A slot is a list of entries: a key (the name and the labels of a metric) and its values. An entry is
written before it is counted, and a value is one aligned word, so readers need no lock.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

log = logging.getLogger(__name__)

VERSION: Final = 1
"""Of the layout; it is a part of the file's name."""
SLOTS: Final = 64
ENTRIES: Final = 768
"""Of a slot. The first one counts what found no room."""
KEY_SIZE: Final = 128
VALUES: Final = 16
"""Of an entry: a histogram has up to 14 bounds, a number above them, and a sum."""
SUM: Final = VALUES - 1
WORD: Final = 8
HEADER_SIZE: Final = 4096
ENTRY_SIZE: Final = KEY_SIZE + VALUES * WORD
SLOT_SIZE: Final = HEADER_SIZE + ENTRIES * ENTRY_SIZE

LENGTH, RUNNING = 0, 1
"""The words of a slot's header: the number of entries, and the requests in progress."""

Key = tuple[str, ...]
"""The name of a metric, then the values of its labels."""
DROPPED: Final[Key] = ("iocash_metrics_dropped_total",)
SEPARATOR: Final = "\x1f"


class Store:
    """The numbers of a server. Without a file, or without a free slot, those of this process.

    A process must not open the file a second time: to close any descriptor of it would drop the
    lock of the slot.
    """

    def __init__(self, path: Path | None) -> None:
        self.lock = Lock()
        self.file = -1 if path is None else open_shared_file(path)
        self.is_shared = path is not None
        self.map = mmap.mmap(self.file, SLOTS * SLOT_SIZE) if self.is_shared else private_map()
        self.words: Any = memoryview(self.map).cast("d")
        self.slot: int | None = None
        """The number of this process's slot, once it has one."""
        self.header = 0
        self.places: dict[Key, int] = {}
        """The first word of the values of each key."""
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Claim another slot at the next number: in a forked process, which has no locks."""
        self.lock = Lock()
        self.slot, self.places = None, {}

    # --- Adding --------------------------------------------------------------------------------

    def add(self, key: Key, amount: float = 1.0) -> None:
        """Add to a counter."""
        with self.lock:
            place = self.places.get(key) or self.place(key)
            self.words[place] += amount

    def observe(self, key: Key, bounds: Sequence[float], value: float, *, running: int = 0) -> None:
        """Add an observation to a histogram. `bounds` are the upper ends of its buckets.

        `running` is added to the number of requests in progress.
        """
        index = bisect_left(bounds, value)
        with self.lock:
            place = self.places.get(key) or self.place(key)
            words = self.words
            words[place + index] += 1.0
            words[place + SUM] += value
            if running:
                words[self.header + RUNNING] += running

    def run(self, change: int) -> None:
        """Add to the number of requests in progress."""
        with self.lock:
            if self.slot is None:
                self.claim()
            self.words[self.header + RUNNING] += change

    def place(self, key: Key) -> int:
        """Find or make the entry of a key; if there is no room, that of what was dropped."""
        if self.slot is None:
            self.claim()
            if key in self.places:
                return self.places[key]
        name = SEPARATOR.join(key).encode("utf-8", "replace")
        length = int(self.words[self.header + LENGTH])
        is_wrong = b"\0" in name or name.count(SEPARATOR.encode()) != len(key) - 1
        if is_wrong or length >= ENTRIES or len(name) > KEY_SIZE:
            return self.places[DROPPED]
        start = self.header * WORD + HEADER_SIZE + length * ENTRY_SIZE
        self.map[start : start + KEY_SIZE] = name.ljust(KEY_SIZE, b"\0")
        self.words[self.header + LENGTH] = length + 1
        place = (start + KEY_SIZE) // WORD
        self.places[key] = place
        return place

    def claim(self) -> None:
        """Take a free slot, with the numbers that are in it. The lock of this store is held."""
        self.slot = self.free_slot() if self.is_shared else 0
        if self.slot is None:
            log.warning("all %d slots for metrics are taken: this process shows its own", SLOTS)
            self.is_shared, self.slot = False, 0
            self.map = private_map()
            self.words = memoryview(self.map).cast("d")
        self.header = self.slot * SLOT_SIZE // WORD
        self.words[self.header + RUNNING] = 0.0
        self.places = {key: place for key, place, _ in self.entries(self.slot)}
        if DROPPED not in self.places:
            self.place(DROPPED)

    def free_slot(self) -> int | None:
        return next((slot for slot in range(SLOTS) if self.has_locked(slot)), None)

    def has_locked(self, slot: int) -> bool:
        """Lock a slot, unless another process has it."""
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    # --- Reading -------------------------------------------------------------------------------

    def entries(self, slot: int) -> Iterator[tuple[Key, int, list[float]]]:
        """The key, the place and the values of each entry of a slot."""
        header = slot * SLOT_SIZE
        for number in range(int(self.words[header // WORD + LENGTH])):
            start = header + HEADER_SIZE + number * ENTRY_SIZE
            place = (start + KEY_SIZE) // WORD
            name = self.map[start : start + KEY_SIZE].rstrip(b"\0").decode()
            yield (
                tuple(name.split(SEPARATOR)),
                place,
                self.words[place : place + VALUES].tolist(),
            )

    def totals(self) -> dict[Key, list[float]]:
        """The values of each key, added up over all slots: also those of processes that ended."""
        found: dict[Key, list[float]] = {}
        for slot in range(SLOTS if self.is_shared else 1):
            for key, _, values in self.entries(slot):
                sums = found.get(key)
                found[key] = [*map(sum, zip(sums, values, strict=True))] if sums else values
        return found

    def living(self) -> list[int]:
        """The requests in progress of each process that lives."""
        with self.lock:
            if self.slot is None:
                self.claim()
            return [
                int(self.words[slot * SLOT_SIZE // WORD + RUNNING])
                for slot in range(SLOTS if self.is_shared else 1)
                if self.is_taken(slot)
            ]

    def is_taken(self, slot: int) -> bool:
        """Return whether a process has a slot. Its own is not tried: that would unlock it."""
        if slot == self.slot or not self.has_locked(slot):
            return True
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, slot)
        return False


def open_shared_file(path: Path) -> int:
    """Open the file, which has its full size afterwards; only its owner can read it.

    Its blocks are allocated: to write to a page that finds no room would kill the process.

    Raises:
        OSError: there is no room, or it is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, SLOTS * SLOT_SIZE)
        else:
            os.ftruncate(file, SLOTS * SLOT_SIZE)
    except OSError:
        os.close(file)
        raise
    return file


def private_map() -> mmap.mmap:
    """Memory for one slot, which a forked process gets a copy of."""
    return mmap.mmap(-1, SLOT_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
