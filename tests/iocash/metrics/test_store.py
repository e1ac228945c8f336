"""The numbers that the processes of a server share: none goes back, and none is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from iocash.metrics import places, store
from iocash.metrics.store import DROPPED, SUM, Store

KEY = ("requests", "wallet", "GET", "2xx")
BOUNDS = (1.0, 2.0)

COUNTING = """
import sys
from pathlib import Path
from iocash.metrics.store import Store
store = Store(Path(sys.argv[1]))
store.run(1)
number = 0
while True:
    store.add(("counted",))
    store.observe(("seen",), (1.0, 2.0), 1.5)
    number += 1
    if number % 100 == 0:
        print(number, flush=True)
"""


@contextmanager
def counting(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that adds to the numbers for as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING, str(file)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(store.__file__).parents[2],
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def read(process: subprocess.Popen[str]) -> int:
    """The next number that a process says it has added."""
    assert process.stdout
    return int(process.stdout.readline())


def test_value_counts_in_the_first_bucket_that_is_not_below_it(tmp_path):
    own = Store(tmp_path / "file")
    for value in (0.5, 1.0, 1.5, 2.5):
        own.observe(KEY, BOUNDS, value)
    values = own.totals()[KEY]
    assert (values[:3], values[SUM]) == ([2, 1, 1], 5.5)


@pytest.mark.slow
def test_killed_processes_keep_their_numbers(tmp_path):
    """Their slots are taken over, and no number goes back meanwhile."""
    file = tmp_path / "file"
    own = Store(file)
    own.add(("counted",))
    former, slots = 1.0, set()
    for _ in range(2):
        with counting(file) as one, counting(file) as other:
            read(one), read(other)
            assert own.totals()["counted",][0] >= former
            slots |= {slot for slot in range(store.SLOTS) if own.is_taken(slot)}
            while read(one) + read(other) < 5_000:
                pass
            for process in (one, other):
                process.send_signal(signal.SIGKILL)
                process.wait()
        total = own.totals()["counted",][0]
        assert total >= former + 5_000
        former = total
    assert slots == {0, 1, 2}
    assert sum(own.totals()["seen",][:SUM]) == pytest.approx(former - 1, abs=4)


def test_requests_of_killed_processes_are_not_in_progress(tmp_path):
    file = tmp_path / "file"
    own = Store(file)
    own.run(1)
    with counting(file) as process:
        read(process)
        assert own.living() == [1, 1]
    assert own.living() == [1]
    with counting(file) as process:  # it takes the slot over
        read(process)
        assert own.living() == [1, 1]


class Slow(Store):
    """Lets other threads run before it makes an entry."""

    def place(self, key: store.Key) -> int:
        time.sleep(0.0001)
        return super().place(key)


def test_threads_lose_no_number(tmp_path):
    """All of them are the first to use a key."""
    own, keys, begin = Slow(tmp_path / "file"), [(f"key {n}",) for n in range(50)], Barrier(4)

    def add_many() -> None:
        for key in keys:
            begin.wait()
            own.add(key)

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {own.totals()[key][0] for key in keys} == {4}
    assert len([*own.entries(0)]) == len(keys) + 1


def add_and_report(own: Store, pipe: Any) -> None:
    own.add(("counted",))
    pipe.send(own.slot)


def test_forked_process_has_a_slot_of_its_own(tmp_path):
    own = Store(tmp_path / "file")
    own.add(("counted",))
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=add_and_report, args=(own, there), daemon=True
    )
    process.start()
    assert here.poll(10)
    assert (own.slot, here.recv()) == (0, 1)
    process.join(10)
    assert own.totals()["counted",][0] == 2
    assert own.living() == [0]


def test_number_without_room_is_counted_as_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ENTRIES", 3)
    own = Store(tmp_path / "file")
    for name in ("with\x1fseparator", "long" * 40, "one", "two", "three"):
        own.add((name,))
    assert own.totals().keys() == {DROPPED, ("one",), ("two",)}
    assert own.totals()[DROPPED][0] == 3


def test_process_without_a_free_slot_counts_for_itself(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(store, "SLOTS", 1)
    file = tmp_path / "file"
    with counting(file) as process:
        read(process)
        own = Store(file)
        own.add(("counted",))
    assert own.totals()["counted",][0] == 1
    assert "all 1 slots for metrics are taken" in caplog.text


def test_file_is_for_its_owner_only(tmp_path):
    Store(tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="link"):
        Store(tmp_path / "link")


# --- Files of servers ----------------------------------------------------------------------------


def test_servers_of_one_parent_share_a_file(tmp_path):
    here = places.file_of_server(str(tmp_path))
    assert here == places.file_of_server(str(tmp_path))
    assert str(os.getppid()) in here.name


def test_files_of_ended_servers_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own = places.file_of_server(str(tmp_path))
    gone, used, other = (
        tmp_path / name
        for name in (f"v1-{ended.pid}-1.metrics", f"v1-{ended.pid}-2.metrics", "notes.txt")
    )
    for file in (gone, own, other):
        file.touch()
    with counting(used) as process:
        read(process)
        places.file_of_server(str(tmp_path))
        assert {*tmp_path.iterdir()} == {own, used, other}
    places.file_of_server(str(tmp_path))
    assert {*tmp_path.iterdir()} == {own, other}


def test_restarted_process_with_the_same_number_is_another(tmp_path):
    started = places.start_of(os.getpid())
    assert not places.is_gone(os.getpid(), started)
    assert places.is_gone(os.getpid(), started + 1)


def test_folder_of_others_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(places.UnsafeFolder):
        places.file_of_server(str(tmp_path))


def test_observation_is_cheap(tmp_path):
    """Some 1.3 µs each on two busy cores; a limit of 30 finds only what is far worse."""
    own = Store(tmp_path / "file")
    own.observe(KEY, BOUNDS, 1.0)
    begun = time.process_time()
    for _ in range(10_000):
        own.observe(KEY, BOUNDS, 1.0)
    assert (time.process_time() - begun) / 10_000 < 30e-6
