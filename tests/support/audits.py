"""Runs of the audit in tests, and proofs from which they go on."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection

from iocash.db import clock
from wallets.audit import runs
from wallets.audit.proofs import NIGHTS, AuditProof, Progress, ProgressStore, id_at
from wallets.models import Audit, Wallet

STORE = ProgressStore("tests")
LONG_AGO = "2000-01-01T00:00:00+00:00"
FLIP = "UPDATE wallets_movement SET digest = set_byte(digest, 7, get_byte(digest, 7) # 1) "


class Killed(Exception):
    """The process ends between two steps."""


def proved(*, is_new: bool = False) -> AuditProof:
    """Let all rows be proved; with `is_new`, none: all of them are new since."""
    progress = Progress.begin(None)
    runs.go_on(STORE, progress)
    assert progress.findings == []
    done = runs.finish_run(STORE, progress)
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(position), 0) FROM users_event")
        last = cursor.fetchone()[0]
    proof = AuditProof.of(done)
    assert proof
    proof.floor = str(id_at(time.time() + 0.001))
    proof.position, proof.horizon = last, clock.now().isoformat()
    if is_new:
        proof = AuditProof(LONG_AGO, 0, str(id_at(0)), {}, [LONG_AGO] * NIGHTS)
    time.sleep(0.002)  # ids of the next milliseconds are new
    return keep(proof)


def keep(proof: AuditProof) -> AuditProof:
    Audit.objects.update(proof=vars(proof))
    return proof


def performed(**changes: Any) -> Progress:
    """Perform a run and store its result; `changes` are made to what it sets out to do."""
    progress = runs.begin_run(STORE)
    vars(progress).update(changes)
    runs.go_on(STORE, progress)
    runs.finish_run(STORE, progress)
    return progress


def found_by(progress: Progress) -> set[str]:
    return {each["name"] for each in progress.findings}


def forge(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        assert cursor.rowcount


def last() -> AuditProof:
    found = AuditProof.last()
    assert found
    return found


def wallet_night(wallet: Wallet) -> int:
    return wallet.id.bytes[15] % NIGHTS
