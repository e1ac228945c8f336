"""Holds expire without a request: with their events, once, and beside the requests of others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from iocash import errors
from iocash.db import clock
from tests.support import people, sandbox
from tests.support.duties import working
from tests.support.embedded_postgres import eventually, linux
from tests.support.scratch_postgres import Scratch
from tests.support.threads import Caller, at_once, holding, wait_until_blocked
from users.models import Event
from wallets import posting
from wallets.duties import holds
from wallets.duties.holds import ExpireOverdueHolds
from wallets.models import Hold, Wallet
from wallets.orders.holds import ReleaseHold
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
ONLY = "--only", "expire-holds"
EXPIRED = "SELECT count(*) FROM users_event WHERE kind = 'hold.expired'"
DOUBLED = """
    SELECT count(*) FROM (
        SELECT FROM users_event WHERE kind = 'hold.expired' GROUP BY subject_id HAVING count(*) > 1
    ) AS doubled
"""


@pytest.fixture
def duty() -> ExpireOverdueHolds:
    return ExpireOverdueHolds()


@pytest.fixture
def moved_clock() -> Iterator[None]:
    with sandbox.made():
        yield


def a_hold(source: Wallet, target: Wallet, amount: int = 10_00) -> Hold:
    return people.place(source, target, amount, expires_at=clock.now() + DAY)


def pass_days(days: int) -> None:
    sandbox.set_clock(clock.now() + days * DAY)


def events() -> list[tuple[str, str]]:
    found = Event.objects.filter(subject="hold").order_by("position")
    return [*found.exclude(kind="hold.placed").values_list("kind", "actor")]


def test_expired_hold_is_let_go_with_its_event(duty, moved_clock, alices, bobs):
    hold = a_hold(alices, bobs)
    assert duty.perform() == 0
    pass_days(2)
    assert duty.perform() == 1
    hold.refresh_from_db()
    assert (hold.status, hold.remaining, hold.ended_at) == ("EXPIRED", 0, hold.expires_at)
    assert events() == [("hold.expired", "system:clock")]
    alices.refresh_from_db()
    assert (alices.held, alices.next_expiry) == (0, None)
    assert duty.perform() == 0


def test_other_holds_of_the_wallet_stay_open(duty, moved_clock, alices, bobs):
    a_hold(alices, bobs)
    for_ever = people.place(alices, bobs, 20_00)
    later = people.place(alices, bobs, 5_00, expires_at=clock.now() + 5 * DAY)
    pass_days(2)
    assert duty.perform() == 1
    assert {people.seen(each.id).status for each in (for_ever, later)} == {"OPEN"}
    alices.refresh_from_db()
    assert (alices.held, alices.next_expiry) == (25_00, later.expires_at)


def test_hold_of_a_blocked_wallet_expires(duty, moved_clock, alices, bobs):
    a_hold(alices, bobs)
    posting.submit(BlockWallet(**people.about(alices), reason="OTHER"))
    pass_days(2)
    assert duty.perform() == 1


def test_batches_follow_until_nothing_is_overdue(duty, moved_clock, alices, bobs, monkeypatch):
    """The holds of a wallet expire together, so the second batch is of the other wallet."""
    monkeypatch.setattr(holds, "BATCH", 1)
    people.cash_in(bobs, 10_00)
    for pair in ((alices, bobs), (bobs, alices)):
        a_hold(*pair, 1_00)
        a_hold(*pair, 1_00)
    pass_days(2)
    assert [duty.perform(), duty.perform(), duty.perform()] == [1, 1, 0]
    assert len(events()) == 4


def test_holds_of_two_clients_expire_together(duty, moved_clock, alices, bobs):
    other = people.a_client("Another")
    carol = people.first_wallet(people.a_user(other, people.ALICE))
    dave = people.first_wallet(people.a_user(other, people.BOB))
    people.cash_in(carol, 10_00)
    for pair in ((alices, bobs), (carol, dave)):
        a_hold(*pair)
    pass_days(2)
    assert duty.perform() == 2
    assert {*Event.objects.filter(kind="hold.expired").values_list("client", flat=True)} == {
        alices.client_id,
        other.id,
    }


# --- At the same time ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_locked_wallet_is_left_for_the_next_look(duty, alices, bobs):
    """A request has locked it; another wallet does not wait."""
    people.cash_in(bobs, 10_00)
    a_hold(alices, bobs)
    a_hold(bobs, alices)
    people.pass_time(2 * DAY)
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True).get(pk=alices.pk)
        assert Caller(duty.perform).answer == 1
        assert Hold.objects.overdue().get().wallet_id == alices.pk
    assert duty.perform() == 1


@pytest.mark.django_db(transaction=True)
def test_two_processes_expire_a_hold_once(duty, alices, bobs):
    for _ in range(5):
        a_hold(alices, bobs, 1_00)
    people.pass_time(2 * DAY)
    at_once(*[ExpireOverdueHolds().perform] * 3)
    while duty.perform():
        continue
    assert events() == [("hold.expired", "system:clock")] * 5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_execution_before_the_instant_wins_over_the_worker(duty, moved_clock, alices, bobs):
    """The request has executed the hold and has not committed when the worker looks."""
    hold = a_hold(alices, bobs)
    with holding(people.an_execution(hold)):
        pass_days(2)
        assert Caller(duty.perform).answer == 0
    assert duty.perform() == 0
    assert people.seen(hold.id).status == "EXECUTED"
    assert [kind for kind, _ in events()] == ["hold.executed"]


@pytest.mark.django_db(transaction=True)
def test_execution_after_the_instant_is_refused_whoever_expires_the_hold(duty, alices, bobs):
    hold = a_hold(alices, bobs)
    people.pass_time(2 * DAY)

    def execute() -> Any:
        try:
            return posting.submit(people.an_execution(hold))
        except errors.HoldNotOpen as refused:
            return refused.code

    assert "hold_not_open" in at_once(duty.perform, execute)
    while duty.perform():
        continue
    assert [kind for kind, _ in events()] == ["hold.expired"]
    assert people.balances(alices, bobs) == [100_00, 0]


@pytest.mark.django_db(transaction=True)
def test_worker_that_waits_for_a_release_expires_nothing(
    duty, moved_clock, alices, bobs, monkeypatch
):
    """The wallet is locked between its look and its order."""
    hold = a_hold(alices, bobs)
    monkeypatch.setattr(holds, "unlocked", list)
    with holding(people.about_hold(ReleaseHold, hold)):
        pass_days(2)
        worker = Caller(duty.perform)
        wait_until_blocked()
    assert worker.answer == 1
    assert [kind for kind, _ in events()] == ["hold.released"]


@pytest.mark.django_db(transaction=True)
def test_serving_role_may_expire_holds(duty, alices, bobs, as_serving):
    a_hold(alices, bobs)
    people.pass_time(2 * DAY)
    assert duty.perform() == 1


# --- Processes -----------------------------------------------------------------------------------

NUMBER, SECONDS = 400, 10
HOLDS = """
from datetime import timedelta
from decimal import Decimal
import django; django.setup()
from iocash.db import clock
from users.models.events import By
from wallets import posting
from wallets.models import Wallet
from wallets.orders.holds import PlaceHold
source, target = Wallet.objects.filter(pk__in={pair!r}).order_by("-balance")
begin = clock.now() + timedelta(seconds=3)
answers = posting.submit_each([
    PlaceHold(client_id=source.client_id, by=By("system:test"), wallet_id=source.pk,
              target_id=target.pk, amount=Decimal("0.01"),
              expires_at=begin + timedelta(seconds={seconds} * each / {number}))
    for each in range({number})
])
print(sum(answer.made == "hold" for answer in answers))
"""
SLOW_COMMITS = [
    "ALTER SYSTEM SET commit_delay = 20000",
    "ALTER SYSTEM SET commit_siblings = 0",
    "SELECT pg_reload_conf()",
]
"""A kill hits most often between the writes of a batch and its COMMIT then."""


@pytest.mark.ci
@linux
def test_killed_workers_lose_and_double_no_event(postgres, demo, tmp_path: Path) -> None:
    """Both of two processes are killed again and again. Takes 40 s, needs Linux."""
    before = postgres.ask(EXPIRED)
    place_many(postgres, demo)
    postgres.tell(*SLOW_COMMITS)
    kills, log = 0, tmp_path / "log"
    while (done := postgres.ask(EXPIRED)) < before + NUMBER:
        with working(postgres.address(), log, *ONLY), working(postgres.address(), log, *ONLY):
            eventually(partial(has_more, postgres, done))
            kills += 2
    assert kills >= 6
    assert postgres.ask(EXPIRED) == before + NUMBER
    assert postgres.ask(DOUBLED) == 0
    assert "Traceback" not in log.read_text()
    assert "The ledger is correct." in postgres.manage("audit")


def has_more(postgres: Scratch, done: int) -> bool:
    return bool(postgres.ask(EXPIRED) > done)


def place_many(postgres: Scratch, demo: dict[str, str]) -> None:
    """Place holds that expire one after the other, for some seconds."""
    pair = [demo["aliceWalletId"], demo["bobWalletId"]]
    program = HOLDS.format(pair=pair, seconds=SECONDS, number=NUMBER)
    assert postgres.run("-c", program).split() == [str(NUMBER)]
