"""The barrier: lists from old to new end where no row can appear any more."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction

from iocash import errors
from iocash.db import clock
from iocash.db.groups import ByGroup
from iocash.postgres import CHECKOUT
from tests.support import people, sandbox
from tests.support.cash_outs import a_cash_out
from tests.support.people import Api
from tests.support.server import Served, database_of_tests
from tests.support.threads import PATIENCE, Caller
from users import demo_documents, kyc, users
from users.models import Barrier, Client, Event, KycDocument, User, barrier
from users.models.events import INSERT, EventKind, Fact, record_facts
from wallets import posting
from wallets.models import ExternalAccount, Hold, Movement, Wallet
from wallets.orders.external_accounts import AddExternalAccount

pytestmark = pytest.mark.django_db(transaction=True)

LONG: float = 120.0
"""Seconds; other tests may be writing in the same cluster, and hold the barrier back."""
EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def released_at() -> datetime:
    return Barrier.objects.get().released_at


def release(instant: datetime) -> None:
    """Advance the barrier until it has passed an instant."""
    until = time.monotonic() + LONG
    while released_at() <= instant:
        assert time.monotonic() < until
        barrier.advance()


@contextmanager
def writing(write: Callable[[], Any]) -> Iterator[Any]:
    """Somebody else writes, and commits only when the block ends."""
    written, go_on = Signal(), Signal()
    made: list[Any] = []

    def call() -> None:
        with transaction.atomic():
            made.append(write())
            written.set()
            assert go_on.wait(PATIENCE)

    writer = Caller(call)
    while not written.wait(0.01):
        assert writer.is_alive(), writer.answer
    yield made[0]
    go_on.set()
    assert writer.answer is None


def a_newcomer(client: Client, name: str) -> User:
    names = {"user_name": name, "mobile_phone": f"+34600000{len(name):03}"}
    return users.create(client_id=client.id, values=people.ALICE | names, by=people.BY).user


def test_barrier_releases_committed_rows(alice):
    release(alice.created_at)
    assert released_at() <= Barrier.objects.get().barrier_at <= clock.now()


def test_barrier_does_not_release_uncommitted_rows(client_demo):
    with writing(lambda: a_newcomer(client_demo, "a")) as user:
        for _ in range(3):
            barrier.advance()
        assert released_at() <= user.created_at
    release(user.created_at)


def test_fresh_barrier_is_not_advanced(monkeypatch):
    monkeypatch.setattr(barrier, "LONGEST_AGE", 3600)
    release_before = clock.now() - timedelta(minutes=1)
    Barrier.objects.update(released_at=release_before, barrier_at=release_before)
    assert not barrier.advance()
    assert released_at() == release_before


def test_long_writer_is_not_waited_for(client_demo, monkeypatch):
    with writing(lambda: a_newcomer(client_demo, "a")):
        for _ in range(2):
            barrier.advance()
        Barrier.objects.update(barrier_at=clock.now() - timedelta(seconds=1))
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
        assert not barrier.advance()


def test_barrier_is_not_advanced_inside_a_transaction():
    before = released_at()
    with transaction.atomic():
        assert not barrier.advance()
    assert released_at() == before


def test_barrier_is_not_advanced_where_nothing_can_be_written(api, alice):
    before = released_at()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        assert listed(api, "asc")["_embedded"] == {"users": []}
        cursor.execute("RESET default_transaction_read_only")
    assert released_at() == before


def test_missing_barrier_is_an_error():
    Barrier.objects.all().delete()
    with pytest.raises(errors.Inconsistent, match="no row"):
        barrier.advance()


def test_events_are_released_up_to_the_last_position(alice):
    last = Event.objects.latest("position").position
    release(alice.created_at)
    assert barrier.release_events() >= last
    state = barrier.State.read()
    assert not state.has_unreleased_events
    assert state.released_position <= state.barrier_position <= state.last_position


def test_release_without_new_events_writes_nothing(alice):
    release(alice.created_at)
    until = time.monotonic() + LONG
    while barrier.State.read().has_unreleased_events:
        assert time.monotonic() < until
        barrier.release_events()
    before = Barrier.objects.values().get()
    Barrier.objects.update(released_at=EARLY)
    barrier.release_events()
    assert Barrier.objects.values().get() == before | {"released_at": EARLY}


def test_uncommitted_events_are_not_released(client_demo, alice):
    release(alice.created_at)
    last = Event.objects.latest("position").position
    with writing(lambda: a_newcomer(client_demo, "ab")):
        for _ in range(3):
            assert barrier.release_events() <= last
        assert barrier.State.read().has_unreleased_events


def test_role_that_can_not_read_the_sequence_is_an_error(alice, monkeypatch):
    """PostgreSQL then says that the sequence has no last value."""
    sequence, role = "SEQUENCE users_event_position_seq", settings.DATABASE_ROLE
    with psycopg.connect(database_of_tests(), autocommit=True) as serving:
        with connection.cursor() as cursor:
            cursor.execute(f'REVOKE SELECT ON {sequence} FROM "{role}"')
            refused = serving.execute(barrier.STATE).fetchone()
            cursor.execute(f'GRANT SELECT ON {sequence} TO "{role}"')
        allowed = serving.execute(barrier.STATE).fetchone()
    monkeypatch.setattr(barrier, "ask", lambda statement: refused)
    with pytest.raises(errors.Inconsistent, match="sequence"):
        barrier.release_events()
    monkeypatch.setattr(barrier, "ask", lambda statement: allowed)
    assert barrier.State.read().last_position


def test_sequence_of_events_has_no_cache():
    """A process with a cache would take later positions than another one before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seqcache, seqcycle FROM pg_sequence"
            " WHERE seqrelid = 'users_event_position_seq'::regclass"
        )
        assert cursor.fetchone() == (1, False)


def test_transaction_has_its_number_before_it_takes_a_position():
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (VERBOSE) {INSERT}", ["[]"])
        plan = [line.strip() for (line,) in cursor.fetchall()]
    taken = next(at for at, line in enumerate(plan) if "nextval" in line)
    (numbered,) = (at for at, line in enumerate(plan) if "pg_current_xact_id() IS NOT NULL" in line)
    assert plan[numbered].startswith("One-Time Filter")
    assert taken <= numbered


def test_positions_that_begin_again_are_adopted(alice):
    """After an import, say: the barrier was above the sequence."""
    last = Event.objects.latest("position").position
    Barrier.objects.update(released_position=last + 1000, barrier_position=last + 2000)
    assert barrier.State.read().was_set_back
    release(clock.now())
    until = time.monotonic() + LONG
    while barrier.State.read().was_set_back:
        assert time.monotonic() < until
        barrier.release_events()
    state = barrier.State.read()
    assert last <= state.released_position <= state.last_position


@pytest.mark.parametrize(("age", "warnings"), [(59, 0), (61, 1)])
def test_long_writer_is_logged_once_a_minute(client_demo, monkeypatch, caplog, age, warnings):
    monkeypatch.setattr(barrier, "ALARM", ByGroup(barrier.Alarm))
    with writing(lambda: a_newcomer(client_demo, "a")):
        for _ in range(2):
            barrier.advance()
        long_ago = clock.now() - timedelta(seconds=age)
        Barrier.objects.update(released_at=EARLY, barrier_at=long_ago)
        for _ in range(3):
            assert not barrier.advance()
    assert len([line for line in caplog.messages if "has been writing" in line]) == warnings


def test_barrier_of_a_restored_database_is_adopted(alice):
    """Its number is of another cluster, which had many more transactions."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users_barrier SET barrier_xid = '999999999999'")
    assert barrier.State.read().is_foreign
    release(alice.created_at)
    assert not barrier.State.read().is_foreign


# --- Several processes ---------------------------------------------------------------------------

ADVANCE = """
import django; django.setup()
from users.models import barrier
barrier.LONGEST_AGE = 0
while True: barrier.advance()
"""


@pytest.fixture
def processes(tmp_path) -> Iterator[None]:
    """Four processes that advance the barrier all the time, as the role that serves."""
    served = Served(database_of_tests(), tmp_path / "log")
    environment = served.environment | {"DJANGO_SETTINGS_MODULE": "iocash.settings"}
    command = [sys.executable, "-c", ADVANCE]
    started = [subprocess.Popen(command, cwd=CHECKOUT, env=environment) for _ in range(4)]
    yield
    ended = [process.poll() for process in started]
    for process in started:
        process.kill()
        process.wait()
    assert ended == [None] * 4


@pytest.mark.slow
def test_barrier_never_falls_under_four_processes(processes, client_demo):
    columns = ("released_at", "barrier_at", "released_position", "barrier_position")
    seen: list[tuple[Any, ...]] = []
    until = time.monotonic() + LONG
    while len({*seen}) < 50:
        assert time.monotonic() < until
        record_facts(
            Fact(client_demo.id, "client", client_demo.id, EventKind.CLIENT_ACTIVATED, people.BY)
        )
        seen.append(Barrier.objects.values_list(*columns).get())
    for each in zip(*seen, strict=True):
        assert [*each] == sorted(each)
    assert len({positions for *_, positions in seen}) > 10


# --- The clock is read after the transaction has its number --------------------------------------

PHONE = {"mobile_phone": "+34600000099"}
IS_NUMBERED = """
    CREATE OR REPLACE FUNCTION iocash_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        'SELECT CASE WHEN pg_current_xact_id_if_assigned() IS NULL THEN timestamptz ''2000-01-01Z''
         ELSE pg_catalog.clock_timestamp() END';
    CREATE OR REPLACE FUNCTION iocash_now() RETURNS timestamptz LANGUAGE sql STABLE AS
        'SELECT CASE WHEN pg_current_xact_id_if_assigned() IS NULL THEN timestamptz ''2000-01-01Z''
         ELSE pg_catalog.statement_timestamp() END';
"""


@pytest.fixture
def early_without_a_number() -> Iterator[None]:
    """The clock shows another century to transactions that have no number yet."""
    with connection.cursor() as cursor:
        cursor.execute(IS_NUMBERED)
        yield
        cursor.execute(sandbox.END)


@pytest.mark.parametrize("model", [User, Wallet, Movement, Hold, ExternalAccount, KycDocument])
def test_clock_is_read_after_the_transaction_has_its_number(
    client_demo, alices, bobs, early_without_a_number, model
):
    before = {*model.objects.values_list("pk", flat=True)}
    iban = "ES9121000418450200051332"
    demo_documents.send_samples(alices.user, kyc.NEEDED["NATURAL"][1], people.BY)
    people.a_wallet(people.a_user(client_demo, people.ALICE | {"user_name": "c", **PHONE}))
    people.transfer(alices, bobs, 1_00)
    people.place(alices, bobs, 1_00)
    a_cash_out(alices, 1_00)
    posting.submit(AddExternalAccount(**people.about(alices), iban=iban))
    times = model.objects.exclude(pk__in=before).values_list("created_at", flat=True)
    assert times
    assert min(times) > EARLY


# --- Lists ---------------------------------------------------------------------------------------


def names(page: Any) -> list[str]:
    return [user["userName"] for user in page["_embedded"]["users"]]


def listed(api: Api, sort: str) -> Any:
    return api.get(f"users?sort=createdAt,{sort}&size=2").json


def test_list_from_old_to_new_ends_before_a_row_that_is_being_written(api, client_demo):
    first = a_newcomer(client_demo, "a")
    release(first.created_at)
    with writing(lambda: a_newcomer(client_demo, "ab")):
        third = a_newcomer(client_demo, "abc")
        page = listed(api, "asc")
        assert (names(page), "next" in page["_links"]) == (["a"], False)
        assert names(api.get(page["_links"]["last"]["href"]).json) == ["a"]
        assert names(listed(api, "desc")) == ["abc", "a"]
    assert names(listed(api, "desc")) == ["abc", "ab"]
    release(third.created_at)
    page = listed(api, "asc")
    assert names(page) == ["a", "ab"]
    assert names(api.get(page["_links"]["next"]["href"]).json) == ["abc"]


@pytest.mark.parametrize("rel", ["self", "last"])
def test_list_from_old_to_new_advances_the_barrier_at_its_end(api, client_demo, rel):
    user, until = a_newcomer(client_demo, "a"), time.monotonic() + LONG
    while not names(api.get(listed(api, "asc")["_links"][rel]["href"]).json):
        assert time.monotonic() < until
    assert released_at() > user.created_at


def test_full_page_does_not_advance_the_barrier(api, client_demo, monkeypatch):
    last = [a_newcomer(client_demo, name) for name in ("a", "ab", "abc")][-1]
    release(last.created_at)
    monkeypatch.setattr(barrier, "LONGEST_AGE", 0)
    before = released_at()
    page = listed(api, "asc")
    assert released_at() == before
    listed(api, "desc")
    assert released_at() == before
    following = api.get(page["_links"]["next"]["href"]).json
    assert released_at() > before
    before = released_at()
    assert names(api.get(following["_links"]["prev"]["href"]).json) == ["a", "ab"]
    assert released_at() == before
