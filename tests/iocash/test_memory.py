"""What a worker does not need any more goes back to the system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from iocash.postgres import CHECKOUT

MIB = 2**20

SERVED = """
import os
from threading import Thread
import iocash.wsgi

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def batches():
    for _ in range(3):
        large = [bytes(each * 100_000) for each in range(2, 20)]
        kept.append([bytes(5_000)])
        del large

kept, before = [], resident()
for _ in range(8):
    thread = Thread(target=batches)
    thread.start()
    thread.join()
print(resident() - before)
"""


@pytest.mark.slow
def test_worker_frees_the_memory_of_large_batches() -> None:
    ours = {"DATABASE_URL": "host=db.invalid", "DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SERVED],
        cwd=CHECKOUT,
        env=os.environ | ours,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 2 * MIB
