"""Audits go on from the last proof: they prove what is new at once, the rest within 30 nights."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

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
from wallets import audit, posting
from wallets.audit import proofs, runs, stages
from wallets.audit.equations import BY_SUBJECT
from wallets.audit.proofs import NIGHTS, AuditProof, Progress
from wallets.models import Audit, AuditProgress, Movement, Wallet
from wallets.orders.wallets import PutWallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(alices: Wallet, bobs: Wallet) -> tuple[Wallet, Wallet]:
    """Two wallets with payments between them."""
    for amount in (3_00, 2_00, 1_00):
        people.transfer(alices, bobs, amount)
    return alices, bobs


def nights_that_find(name: str) -> set[int | None]:
    """The thirtieths that have a finding of an equation; None: it is among what is new."""
    findings = performed(nights=list(range(NIGHTS))).findings
    return {each["night"] for each in findings if each["name"] == name}


# --- New and old ---------------------------------------------------------------------------------


def test_first_run_proves_everything(paid):
    progress = performed()
    assert (progress.is_whole, progress.findings) == (True, [])
    proof = AuditProof.last()
    assert proof
    assert proof.totals == {f"{paid[0].client_id} EUR": 100_00}
    assert len(set(proof.nights)) == 1


def test_next_run_goes_on_from_the_proof(paid):
    first = proved()
    people.transfer(paid[0], paid[1], 1_00)
    progress = performed()
    second = AuditProof.last()
    assert (progress.is_whole, progress.findings, progress.nights) == (False, [], [0])
    assert second
    assert second.horizon > first.horizon
    assert second.night == 1
    assert second.nights[0] > second.nights[1]
    assert sum(progress.crossed.values()) == 0
    assert second.totals == first.totals


@pytest.mark.spoils_the_books
def test_new_movement_with_a_wrong_digest_is_found_at_once(paid):
    proved()
    new = people.transfer(paid[0], paid[1], 1_00)
    forge(FLIP + "WHERE id = %s", new.id)
    assert "chain" in found_by(performed(nights=[]))


@pytest.mark.spoils_the_books
def test_old_movement_with_a_wrong_digest_is_found_in_its_night_alone(paid):
    proved()
    forge(FLIP + "WHERE wallet_id = %s AND seq = 2", paid[1].id)
    assert nights_that_find("chain") == {wallet_night(paid[1])}


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_old_movement_of_a_busy_wallet_is_found_in_the_night_of_its_segment(paid, monkeypatch):
    monkeypatch.setattr(audit, "STEP", 2)
    people.transfer(paid[0], paid[1], 1_00)
    proved()
    assert performed(nights=list(range(NIGHTS))).findings == []
    forge(FLIP + "WHERE wallet_id = %s AND seq = 3", paid[1].id)
    assert nights_that_find("chain") == {(wallet_night(paid[1]) + 1) % NIGHTS}


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_old_event_without_its_object_is_found_in_the_night_of_its_day(paid):
    proved()
    old = Movement.objects.filter(wallet=paid[0].id).latest("seq")
    forge("DELETE FROM users_event WHERE subject_id = %s", old.id)
    day = (old.id.int >> 80) // 1000 // proofs.DAY
    assert nights_that_find("events") == {day % NIGHTS}


@pytest.mark.spoils_the_books
def test_forged_balance_of_an_idle_wallet_is_found_at_once(paid):
    proved()
    forge("UPDATE wallets_wallet SET balance = balance + 1 WHERE id = %s", paid[0].id)
    assert {"balance", "outside"} <= found_by(performed(nights=[]))


@pytest.mark.spoils_the_books
def test_old_movement_forged_with_its_balance_is_found_by_the_sum_at_once(paid):
    """The chain is the matter of its night; the sum of all balances has changed today."""
    proved()
    last = Movement.objects.filter(wallet=paid[1].id).latest("seq")
    more = "amount = amount + 1, balance_after = balance_after + 1"
    forge(
        f"UPDATE wallets_movement SET {more}, received_after = received_after + 1 WHERE id = %s",
        last.id,
    )
    forge(
        "UPDATE wallets_wallet SET balance = balance + 1, received = received + 1 WHERE id = %s",
        paid[1].id,
    )
    assert found_by(performed(nights=[])) == {"outside"}


@pytest.mark.spoils_the_books
def test_new_movement_with_an_old_id_and_no_event_is_found_at_once(paid):
    """Its id looks proved; the number of the movement in its wallet is new."""
    proved()
    new = people.transfer(paid[0], paid[1], 1_00)
    forge("DELETE FROM users_event WHERE subject_id = %s", new.id)
    forge(
        "UPDATE wallets_movement SET id = '01900000-0000-7000-8000-000000000000' WHERE id = %s",
        new.id,
    )
    assert "events" in found_by(performed(nights=[]))


@pytest.mark.spoils_the_books
def test_old_object_is_checked_again_after_a_new_event(paid):
    proved()
    old = Movement.objects.filter(wallet=paid[0].id).latest("seq")
    forge(
        "INSERT INTO users_event (id, client_id, subject, subject_id, wallet_id, kind, actor,"
        " request_id, data) SELECT gen_random_uuid(), client_id, subject, subject_id, wallet_id,"
        " 'movement.error', actor, request_id, data FROM users_event WHERE subject_id = %s",
        old.id,
    )
    assert "events" in found_by(performed(nights=[]))


@pytest.mark.spoils_the_books
def test_movement_that_its_wallet_does_not_count_is_found_at_once(paid):
    proved()
    forge(
        "INSERT INTO wallets_movement SELECT (jsonb_populate_record(movement, jsonb_build_object("
        "'id', '01900000-0000-7000-8000-000000000000', 'seq', 9))).* FROM wallets_movement"
        " AS movement WHERE wallet_id = %s AND seq = 1",
        paid[1].id,
    )
    assert {"balance", "chain"} <= found_by(performed(nights=[]))


# --- The horizon ---------------------------------------------------------------------------------


def test_payments_between_the_steps_change_no_sum(paid, monkeypatch):
    proved()
    people.cash_in(paid[0], 7_00)
    monkeypatch.setattr(stages, "WALLETS", 1)
    progress = runs.begin_run(audits.STORE)

    def pay(name: str, *_: int) -> None:
        if name in {"sums", "crossing"}:
            people.cash_in(paid[1], 5_00)

    runs.go_on(audits.STORE, progress, pay)
    assert progress.findings == []
    assert sum(progress.balances.values()) == 107_00


def test_sums_end_at_the_horizon_of_the_start(paid):
    progress = runs.begin_run(audits.STORE)
    people.cash_in(paid[0], 7_00)
    runs.go_on(audits.STORE, progress)
    assert (sum(progress.balances.values()), sum(progress.crossed.values())) == (100_00, 100_00)
    done = runs.finish_run(audits.STORE, progress)
    assert performed().findings == []
    assert done.proof
    assert done.proof["totals"] == {f"{paid[0].client_id} EUR": 100_00}


# --- Interrupted ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_run_killed_after_each_step_goes_on_and_finds_the_same(paid, monkeypatch):
    monkeypatch.setattr(audit, "STEP", 3)
    proved()
    people.transfer(paid[0], paid[1], 1_00)
    forge("UPDATE wallets_wallet SET balance = balance + 1 WHERE id = %s", paid[0].id)
    with transaction.atomic():
        at_once = performed()
        transaction.set_rollback(True)
    looked = 0
    places = []
    while True:
        progress = runs.begin_run(audits.STORE)
        places.append((progress.stage, progress.cursor))
        looked = 0

        def kill_second(*_: Any) -> None:
            nonlocal looked
            looked += 1
            if looked == 2:
                raise Killed

        try:
            runs.go_on(audits.STORE, progress, kill_second)
        except Killed:
            continue
        break
    assert len(places) > 10
    assert len(set(map(str, places))) == len(places)
    assert progress.findings == at_once.findings
    assert progress.balances == at_once.balances
    assert AuditProgress.objects.get().state["stage"] == progress.stage
    runs.finish_run(audits.STORE, progress)
    assert not AuditProgress.objects.exists()


@pytest.mark.spoils_the_books
def test_finding_is_kept_before_the_run_ends(paid):
    proved()
    forge("UPDATE wallets_wallet SET balance = balance + 1 WHERE id = %s", paid[0].id)

    def kill_after_the_finding(*_: Any) -> None:
        if AuditProgress.objects.get().state["findings"]:
            raise Killed

    with pytest.raises(Killed):
        runs.go_on(audits.STORE, runs.begin_run(audits.STORE), kill_after_the_finding)
    assert [each["name"] for each in AuditProgress.objects.get().state["findings"]] == ["outside"]
    assert not Audit.objects.exclude(finding="").exists()


# --- What follows from a finding -----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_proof_stays_until_the_finding_is_gone(paid):
    first = proved()
    forge("UPDATE wallets_wallet SET balance = balance + 1 WHERE id = %s", paid[0].id)
    performed()
    again = AuditProof.last()
    assert again
    assert (again.horizon, again.totals) == (first.horizon, first.totals)
    assert "outside" in found_by(performed())
    forge("UPDATE wallets_wallet SET balance = balance - 1 WHERE id = %s", paid[0].id)
    assert performed().findings == []
    assert last().horizon > first.horizon


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_thirtieth_with_a_finding_is_proved_again_by_each_run(paid):
    proof = proved()
    forge(FLIP + "WHERE wallet_id = %s AND seq = 2", paid[1].id)
    wrong = proof.night = wallet_night(paid[1])
    audits.keep(proof)
    assert found_by(performed()) == {"chain"}
    following = (wrong + 1) % NIGHTS
    progress = performed()
    assert (progress.nights, found_by(progress)) == (sorted([wrong, following]), {"chain"})
    assert last().wrong == [wrong]
    forge(FLIP + "WHERE wallet_id = %s AND seq = 2", paid[1].id)
    assert performed().findings == []
    assert last().wrong == []


@pytest.mark.spoils_the_books
def test_whole_run_with_a_finding_proves_nothing(paid):
    forge(FLIP + "WHERE wallet_id = %s AND seq = 2", paid[1].id)
    assert found_by(performed()) == {"chain"}
    assert AuditProof.last() is None
    assert performed().is_whole


# --- The thirtieths ------------------------------------------------------------------------------


def test_thirtieths_cover_every_id_once(paid):
    proved()
    progress = Progress.begin(AuditProof.last())
    progress.installed -= 1000
    ranges = sorted(
        each for night in range(NIGHTS) for each in runs.ranges_of_night(progress, night)
    )
    assert len(ranges) > 1000
    assert (ranges[0][0], ranges[-1][1]) == (audit.LOWEST, audit.HIGHEST)
    for one, other in pairwise(ranges):
        assert other[0].int == one[1].int + 1
    plan = runs.stages_of(progress)
    assert [each for each in plan if each.walk is BY_SUBJECT and each.night == progress.nights[0]]


@pytest.mark.slow
@pytest.mark.spoils_the_books
def test_every_night_holds_some_segment_of_a_busy_wallet(paid, monkeypatch):
    """Also with a wallet whose id a caller has chosen, the highest one."""
    monkeypatch.setattr(audit, "STEP", 1)
    order = PutWallet(
        client_id=paid[0].client_id,
        by=people.BY,
        user_id=paid[0].user_id,
        wallet_id=UUID(int=2**128 - 1),
    )
    posting.submit(order)
    for _ in range(3):
        people.transfer(paid[0], Wallet.objects.get(id=audit.HIGHEST), 1_00)
    proved()
    forge(FLIP + "WHERE wallet_id = %s AND seq = 3", audit.HIGHEST)
    assert nights_that_find("chain") == {(255 + 2) % NIGHTS}


@pytest.mark.slow
@pytest.mark.spoils_the_books
@pytest.mark.parametrize("step", [1, 50_000])
def test_wallet_with_the_lowest_id_has_a_night(paid, monkeypatch, step):
    """A caller can have chosen the id of which all digits are 0."""
    monkeypatch.setattr(audit, "STEP", step)
    order = PutWallet(
        client_id=paid[0].client_id,
        by=people.BY,
        user_id=paid[0].user_id,
        wallet_id=audit.LOWEST,
    )
    posting.submit(order)
    for _ in range(2):
        people.transfer(paid[0], Wallet.objects.get(id=audit.LOWEST), 1_00)
    proved()
    forge(FLIP + "WHERE wallet_id = %s AND seq = 1", audit.LOWEST)
    assert 0 in nights_that_find("chain")
    Audit.objects.all().delete()
    assert "chain" in found_by(performed())
