"""A run finds each wrong row that the whole audit finds: whether it is new or old."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection, transaction

from tests.support import audit_stage
from tests.support.audits import found_by, performed, proved
from tests.support.corruptions import SPOILED
from wallets import audit
from wallets.audit.proofs import DAY, NIGHTS
from wallets.models import Audit

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books, pytest.mark.ci]

stage = audit_stage.stage

INSTEAD = {"outside": {"chain", "balance"}, "balance": {"chain"}}
"""A forged amount breaks its chain, and a movement that is gone leaves a gap. The sums have the new
movements only, and a wallet is compared with its last movement."""


def missed(rows: dict[str, Any], **changes: Any) -> list[str]:
    """The statements whose wrong row a run does not find."""
    audit_stage.spoil("UPDATE wallets_wallet SET balance = balance WHERE id = %(alices)s", rows)
    found = []
    for equation, statement, *_ in SPOILED:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, rows)
            if not found_by(performed(**changes)) & {equation, *INSTEAD.get(equation, ())}:
                found.append(f"{equation}: {statement}")
            transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.long), 50_000])
def test_whole_run_finds_every_wrong_row(stage, monkeypatch, step):
    """Takes 30 s; with steps of one row, by which each wallet is a busy one, 150 s."""
    monkeypatch.setattr(audit, "STEP", step)
    assert not Audit.objects.exists()
    assert missed(stage) == []


def test_new_wrong_row_is_found_at_once(stage):
    """Takes 30 s."""
    proved(is_new=True)
    assert missed(stage, nights=[]) == []


def test_old_wrong_row_is_found_within_thirty_nights(stage):
    """Takes 40 s."""
    proved()
    today = int(time.time()) // DAY % NIGHTS
    nights = {stage[name].bytes[15] % NIGHTS for name in ("alices", "bobs")} | {0, today}
    assert missed(stage, nights=sorted(nights)) == []
