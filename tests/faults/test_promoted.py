"""The primary is lost after a COMMIT that nobody heard of, and a standby takes its place.

Takes about a minute.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.attacks import Stage
from tests.faults.callers import load, some_more
from tests.faults.commit_faults import DONE
from tests.faults.proof import LONGEST, prove
from tests.faults.relay import Fault, Relay, fall_silent
from tests.faults.standby import Standby, either
from tests.support.embedded_postgres import eventually
from tests.support.scratch_postgres import Scratch
from tests.support.server import Served
from tests.support.threads import Stranger

pytestmark = pytest.mark.ci

LAST = "SELECT xmin::text::bigint FROM wallets_movement WHERE metadata ->> 'mark' = 'm' LIMIT 1"
MADE = "SELECT count(*) FROM wallets_movement WHERE amount < 0 AND metadata ->> 'mark' = 'm'"
STATUS = "SELECT pg_xact_status('{}'::xid8)"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
END = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
UNHEARD = Fault(DONE, fall_silent, name="PostgreSQL commits and nobody hears of it")


class Patient(Stranger):
    """Waits for an answer for as long as the proxy does."""

    @property
    def answer(self) -> Any:
        self.join(LONGEST)
        return super().answer


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path / "primary")
    yield scratch
    scratch.remove()


@pytest.fixture
def facts(primary: Scratch) -> dict[str, str]:
    return primary.seed()


@pytest.fixture
def standby(primary: Scratch, facts: dict[str, str], tmp_path: Path) -> Iterator[Standby]:
    standby = Standby(tmp_path / "standby", primary)
    yield standby
    standby.remove()


@pytest.fixture
def relay(primary: Scratch) -> Iterator[Relay]:
    with Relay(primary.address()) as relay:
        yield relay


@pytest.fixture
def server(relay: Relay, standby: Standby, tmp_path: Path) -> Iterator[Served]:
    """It finds whichever of the two takes writes; the relay is before the primary."""
    with Served(either(relay.folder, standby), tmp_path / "log") as server:
        yield server


def pay(server: Served, facts: dict[str, str], **headers: str) -> Any:
    body = {
        "type": "TRANSFER",
        "targetWalletId": facts["bobWalletId"],
        "amount": "0.01",
        "metadata": {"mark": "m"},
    }
    path = f"/api/v1/wallets/{facts['aliceWalletId']}/movements"
    status, _, content = server.call("POST", path, body, facts["apiKey"], **headers)
    return content.get("code", status)


@pytest.mark.parametrize(("end", "status"), [("COMMIT", "committed"), ("ROLLBACK", "aborted")])
@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k"}], ids=["keyless", "keyed"])
def test_payment_is_unknown_when_the_new_primary_reused_its_transaction_id(
    server, relay, primary, standby, facts, end, status, headers
):
    """There `pg_xact_status` reports another transaction, so alone it proves nothing."""
    relay.plan(UNHEARD)
    standby.unfollow()
    caller = Patient(lambda: pay(server, facts, **headers))
    eventually(lambda: relay.met == [UNHEARD] and primary.ask(MADE) == 1)
    xid = primary.ask(LAST)
    standby.promote()
    standby.use_up_to(xid, last=end)
    primary.stop(signal.SIGQUIT)
    assert standby.ask(STATUS.format(xid)) == status
    assert standby.ask(MADE) == 0
    assert caller.answer == "outcome_unknown"
    assert standby.ask(MADE) == 0
    eventually(lambda: pay(server, facts, **headers) == 201)
    assert standby.ask(MADE) == 1


def test_payment_is_confirmed_when_the_new_primary_has_it(server, relay, primary, standby, facts):
    relay.plan(UNHEARD)
    caller = Patient(lambda: pay(server, facts))
    eventually(lambda: relay.met == [UNHEARD] and standby.ask(MADE) == 1)
    primary.stop(signal.SIGQUIT)
    standby.promote()
    assert caller.answer == 201
    assert standby.ask(MADE) == 1


# --- With a standby that must confirm ------------------------------------------------------------


@pytest.fixture
def unconfirmed(server, primary, standby, facts) -> Patient:
    """Somebody pays, and their COMMIT waits for the standby, which is away."""
    standby.stop()
    primary.tell("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    caller = Patient(lambda: pay(server, facts))
    eventually(lambda: primary.ask(WAITING) == 1)
    return caller


def test_payment_is_unknown_when_only_the_lost_primary_has_it(
    unconfirmed, server, primary, standby, facts
):
    """The primary returns its row, but no standby has confirmed the payment."""
    assert primary.ask(END) == 1
    eventually(lambda: primary.ask(MADE) == 1)
    assert unconfirmed.answer == "outcome_unknown"
    primary.stop(signal.SIGQUIT)
    standby.start()
    standby.promote()
    assert standby.ask(MADE) == 0


def test_payment_is_confirmed_when_the_standby_confirms_it_in_time(
    unconfirmed, primary, standby, facts
):
    assert primary.ask(END) == 1
    standby.start()
    assert unconfirmed.answer == 201
    assert (primary.ask(MADE), standby.ask(MADE)) == (1, 1)


def test_acknowledged_payments_survive_a_failover_under_load(primary, standby, facts, tmp_path):
    primary.tell("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    with Served(either(primary, standby), tmp_path / "log") as server:
        stage = Stage(standby, server, facts)
        with load(server, facts, stage.records, 8):
            some_more(stage.records, 200)
            primary.stop(signal.SIGKILL)
            standby.promote()
            some_more(stage.records, 200)
    prove(standby, stage.records)
