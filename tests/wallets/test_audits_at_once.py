"""Audits that were left alone, that run at once with another, or that end after it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support import audits, people
from tests.support.audits import (
    FLIP,
    Killed,
    forge,
    found_by,
    last,
    performed,
    proved,
    wallet_night,
)
from wallets.audit import proofs, runs
from wallets.audit.proofs import AuditProof
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]


@pytest.fixture
def paid(alices: Wallet, bobs: Wallet) -> tuple[Wallet, Wallet]:
    """Two wallets with payments between them."""
    for amount in (3_00, 2_00):
        people.transfer(alices, bobs, amount)
    return alices, bobs


def killed_before_the_events(name: str, *_: int) -> None:
    if name == "events":
        raise Killed


def test_run_that_was_left_alone_begins_again(paid, monkeypatch):
    """What has happened since its first steps would not be seen."""
    proved()
    with pytest.raises(Killed):
        runs.go_on(audits.STORE, runs.begin_run(audits.STORE), killed_before_the_events)
    assert runs.begin_run(audits.STORE).stage > 0
    forge("UPDATE wallets_wallet SET balance = balance + 1 WHERE id = %s", paid[0].id)
    monkeypatch.setattr(proofs, "LEFT_ALONE", timedelta(0))
    assert {"balance", "outside"} <= found_by(performed())


def test_run_begins_again_with_other_equations(paid, monkeypatch):
    """Its place is a number in their list."""
    proved()
    with pytest.raises(Killed):
        runs.go_on(audits.STORE, runs.begin_run(audits.STORE), killed_before_the_events)
    monkeypatch.setattr(runs, "RELEASE", "other equations")
    assert runs.begin_run(audits.STORE).stage == 0


def test_later_end_of_a_run_keeps_findings_of_another(paid):
    proof = proved()
    proof.night = wrong = wallet_night(paid[1])
    audits.keep(proof)
    other = proofs.ProgressStore("other")
    early = runs.begin_run(other)
    runs.go_on(other, early)
    forge(FLIP + "WHERE wallet_id = %s AND seq = 2", paid[1].id)
    forge("UPDATE wallets_wallet SET balance = balance + 1 WHERE id = %s", paid[0].id)
    assert {"chain", "outside"} <= found_by(performed())
    runs.finish_run(other, early)
    assert (last().wrong, last().horizon) == ([wrong], proof.horizon)


@pytest.mark.slow
def test_run_that_ends_after_one_that_proved_nothing_proves_nothing(paid):
    proved()
    early = runs.begin_run(audits.STORE)
    runs.go_on(audits.STORE, early)
    forge(FLIP + "WHERE wallet_id = %s AND seq = 2", paid[1].id)
    whole = runs.begin_run(proofs.ProgressStore("all"), is_whole=True)
    runs.go_on(proofs.ProgressStore("all"), whole)
    runs.finish_run(proofs.ProgressStore("all"), whole)
    runs.finish_run(audits.STORE, early)
    assert AuditProof.last() is None
