"""What became of a COMMIT without an answer: a real server is asked, about real transactions."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection

from iocash import errors
from iocash.db import outcome
from iocash.db.backend import base
from iocash.db.outcome import CommitOutcome, Mark, Witness
from iocash.db.pipeline import Pipeline
from iocash.db.transactions import (
    Transaction,
    connect,
    fetch,
    pipelined_transaction,
    single_transaction,
)
from tests.support.lossy_wire import cut_at_commit
from users.models import Client, events
from users.models.events import By, EventKind, Fact
from users.models.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

ABSENT = Witness("SELECT FROM users_client WHERE name = %s", ["Nobody has this name"])
PRESENT = Witness("SELECT FROM users_client WHERE name = %s", ["Example"])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask once, instead of for seconds."""
    monkeypatch.setattr(outcome, "LONGEST", 0)


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """A connection whose transaction is still open."""
    wrapper = connection.copy("other")
    opened = wrapper.get_new_connection(wrapper.get_connection_params())
    yield opened
    opened.close()


def mark_of(raw: psycopg.Connection) -> Mark:
    """Write in the transaction of a connection, and note its mark."""
    raw.execute(
        "INSERT INTO users_client (id, name, status) VALUES (%s, 'Example', 'ACTIVE')", [new_id()]
    )
    row = raw.execute(outcome.READ_MARK).fetchone()
    assert row
    return Mark.of_row(*row, pipeline=Pipeline(raw))


def find_out(mark: Mark, witness: Witness | None) -> CommitOutcome:
    return outcome.find_out(mark, witness, connect)


# --- What proves something -----------------------------------------------------------------------


def test_present_row_proves_the_commit(other):
    mark = mark_of(other)
    other.commit()
    assert find_out(mark, PRESENT) is CommitOutcome.COMMITTED


def test_present_row_proves_the_commit_on_another_timeline(other):
    mark = mark_of(other)
    other.commit()
    assert (
        find_out(dataclasses.replace(mark, timeline="00000009"), PRESENT) is CommitOutcome.COMMITTED
    )


def test_aborted_transaction_id_proves_the_rollback(other):
    mark = mark_of(other)
    other.rollback()
    assert find_out(mark, PRESENT) is CommitOutcome.ROLLED_BACK
    assert find_out(mark, None) is CommitOutcome.ROLLED_BACK


def test_open_transaction_is_polled_until_it_ends(other, monkeypatch):
    mark = mark_of(other)
    asked, ask = [], outcome.ask_once

    def ask_and_commit(*about):
        found = ask(*about)
        asked.append(found)
        other.commit()
        return found

    monkeypatch.setattr(outcome, "ask_once", ask_and_commit)
    assert find_out(mark, PRESENT) is CommitOutcome.COMMITTED
    assert asked == [None, CommitOutcome.COMMITTED]


def test_absent_row_proves_the_rollback_after_a_restart(other):
    """A crash loses unflushed transactions, and PostgreSQL assigns their ids again."""
    mark = mark_of(other)
    other.commit()
    before = dataclasses.replace(mark, started=mark.started - timedelta(seconds=1))
    assert find_out(before, ABSENT) is CommitOutcome.ROLLED_BACK
    assert find_out(before, PRESENT) is CommitOutcome.COMMITTED


def test_absent_row_proves_the_rollback_after_a_restart_with_an_earlier_clock(other):
    mark = mark_of(other)
    other.commit()
    after = dataclasses.replace(mark, started=mark.started + timedelta(hours=1), xid=str(2**40))
    assert find_out(after, ABSENT) is CommitOutcome.ROLLED_BACK


# --- What proves nothing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"timeline": "00000009"}, {"system": 1}], ids=["time", "cluster"]
)
def test_transaction_id_of_another_history_proves_nothing(other, change):
    mark = mark_of(other)
    other.rollback()
    assert find_out(dataclasses.replace(mark, **change), PRESENT) is CommitOutcome.UNKNOWN


def test_committed_transaction_id_without_the_row_proves_nothing(other, at_once):
    mark = mark_of(other)
    other.commit()
    assert find_out(mark, ABSENT) is CommitOutcome.UNKNOWN
    assert find_out(mark, None) is CommitOutcome.UNKNOWN


def test_unassigned_transaction_id_proves_nothing(other, at_once):
    mark = dataclasses.replace(mark_of(other), xid=str(2**40))
    assert find_out(mark, ABSENT) is CommitOutcome.UNKNOWN


def test_transaction_without_an_id_proves_nothing(other, at_once):
    mark = dataclasses.replace(mark_of(other), xid=None)
    assert find_out(mark, ABSENT) is CommitOutcome.UNKNOWN


def test_open_transaction_is_unknown_after_the_time_limit(other, at_once):
    assert find_out(mark_of(other), PRESENT) is CommitOutcome.UNKNOWN


@pytest.mark.parametrize("error", [psycopg.OperationalError(), OSError(24, "too many open files")])
def test_unreachable_server_leaves_the_outcome_unknown(other, at_once, error):
    def fails() -> psycopg.Connection:
        raise error

    assert outcome.find_out(mark_of(other), PRESENT, fails) is CommitOutcome.UNKNOWN


# --- Transactions --------------------------------------------------------------------------------


def create(own: Transaction | None = None) -> None:
    with pipelined_transaction(own):
        client = Client.objects.create(name="Example")
        by = By("system:test")
        events.record_facts(Fact(client.id, "client", client.id, EventKind.CLIENT_SUSPENDED, by))


@pytest.mark.slow
def test_lost_answer_to_commit_is_a_success():
    with cut_at_commit(is_done=True):
        create()
    assert connection.get_autocommit()
    assert Client.objects.filter(name="Example").exists()


@pytest.mark.slow
def test_lost_commit_raises_and_is_proved_undone():
    own = Transaction()
    with cut_at_commit(is_done=False), pytest.raises(Exception, match="connection"):
        create(own)
    assert own.is_undone
    assert not Client.objects.exists()


@pytest.mark.slow
def test_committed_transaction_without_a_witness_stays_unknown():
    own = Transaction()
    with (
        cut_at_commit(is_done=True),
        pytest.raises(errors.OutcomeUnknown),
        pipelined_transaction(own),
    ):
        Client.objects.create(name="Example")
    assert not own.is_undone
    assert Client.objects.exists()


def read_only() -> None:
    with single_transaction():
        assert not Client.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [True, False])
def test_lost_commit_of_a_read_only_transaction_raises_operational_error(is_done):
    with cut_at_commit(is_done=is_done), pytest.raises(OperationalError):
        read_only()
    assert connection.get_autocommit()


def test_connection_for_the_outcome_skips_pooler_detection(settings):
    """A pooler without a server accepts connections at once and then does not answer."""
    settings.PREPARED_STATEMENTS = "auto"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "is_pooled", pytest.fail)
        with closing(connect()) as opened:
            assert opened.prepare_threshold is None


@pytest.mark.slow
@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("no file left")])
def test_failed_outcome_query_leaves_the_outcome_unknown(error):
    """The error is not a proof of a rollback."""

    def fail() -> None:
        raise error

    own = Transaction(before_asking=fail)
    with cut_at_commit(is_done=True), pytest.raises(errors.OutcomeUnknown):
        create(own)
    assert not own.is_undone


@pytest.mark.slow
def test_before_asking_hook_runs_before_the_outcome_query(monkeypatch):
    told = threading.Event()
    find = outcome.find_out

    def asked_afterwards(*about):
        assert told.is_set()
        return find(*about)

    monkeypatch.setattr(outcome, "find_out", asked_afterwards)
    with cut_at_commit(is_done=True):
        create(Transaction(before_asking=told.set))


def test_mark_contains_the_cluster_id_of_its_server(other):
    ((system,),) = fetch("SELECT system_identifier FROM pg_control_system()", [])
    assert mark_of(other).system == system
