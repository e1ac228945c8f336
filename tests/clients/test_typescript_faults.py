"""Payments of the TypeScript client, while wires are cut and the server is killed: each once.

The small versions take 40 s in all; the long one takes several minutes. All need Linux.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from iocash_client import Client, new_key

from tests.support.embedded_postgres import linux
from tests.support.faulty_wire import Fault, FaultyWire, Once, Randomly
from tests.support.payments_through_faults import kill_until, references
from tests.support.server import Served
from tests.support.typescript_client import PATIENCE

pytestmark = linux

Facts = dict[str, str]


class Payments:
    """A program that pays: `COUNT` payments whose references begin with `PREFIX`."""

    def __init__(self, programs: Path, facts: Facts, wire: FaultyWire, **more: str) -> None:
        self.process = subprocess.Popen(
            ["node", "pay.js"],
            cwd=programs,
            env=os.environ | facts | {"URL_OF_WIRE": wire.url} | more,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self, seconds: float = PATIENCE) -> bool:
        """Tell whether all payments were tried."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.returncode is not None

    def outcome(self) -> Any:
        assert self.wait()
        return json.loads(self.process.communicate()[0])


def survive(
    programs: Path,
    facts: Facts,
    server: Served,
    client: Client,
    *,
    count: int,
    share: float,
    pause: float,
) -> tuple[Counter[Fault], int]:
    """Pay through faults; every payment must be there once. Return the faults and the kills."""
    prefix = f"{new_key()[:8]}-"
    with FaultyWire(server.port, Randomly(share)) as wire:
        made = Payments(programs, facts, wire, PREFIX=prefix, COUNT=str(count))
        kills = kill_until(made.wait, server, pause)
        assert made.outcome()["raised"] == []
    paid = references(client, prefix)
    assert paid == Counter({f"{prefix}{number}": 1 for number in range(count)})
    print(f"{count} payments, {wire.requests} requests, {dict(wire.counts)}, {kills} kills")  # noqa: T201
    return wire.counts, kills


@pytest.mark.ci
def test_each_payment_is_made_once_when_wires_are_cut(
    programs: Path, environment_of_programs: Facts, server: Served, client: Client
):
    """Takes 15 s."""
    facts = environment_of_programs
    counts, kills = survive(programs, facts, server, client, count=400, share=0.2, pause=3.0)
    assert set(counts) == set(Fault)
    assert kills >= 1


@pytest.mark.long
def test_each_of_two_thousand_payments_is_made_once(
    programs: Path, environment_of_programs: Facts, server: Served, client: Client
):
    """Takes two minutes."""
    facts = environment_of_programs
    counts, kills = survive(programs, facts, server, client, count=2_000, share=0.15, pause=8.0)
    assert min(counts[fault] for fault in Fault) >= 20
    assert kills >= 3


@pytest.mark.ci
def test_new_key_for_each_try_pays_twice(
    programs: Path, environment_of_programs: Facts, server: Served, client: Client
):
    """The control: what the other tests count is seen. Takes 5 s."""
    prefix = f"{new_key()[:8]}-"
    with FaultyWire(server.port, Randomly(0.2)) as wire:
        more = {"PREFIX": prefix, "COUNT": "100", "FORGETFUL": "1"}
        made = Payments(programs, environment_of_programs, wire, **more)
        assert made.outcome()["raised"] == []
    paid = references(client, prefix)
    assert len(paid) == 100
    assert paid.total() > 100


@pytest.mark.ci
@pytest.mark.parametrize("fault", Fault)
def test_payment_survives_each_fault(
    programs: Path,
    environment_of_programs: Facts,
    server: Served,
    client: Client,
    fault: Fault,
):
    """Twice in a row. Takes 2 s."""
    reference = new_key()
    with FaultyWire(server.port, Once(fault, times=2)) as wire:
        made = Payments(programs, environment_of_programs, wire, PREFIX=reference)
        assert made.outcome()["raised"] == []
    assert wire.counts == {fault: 2}
    assert references(client, reference) == {reference: 1}


@pytest.mark.ci
def test_caller_resumes_with_its_key_after_it_was_killed(
    programs: Path, environment_of_programs: Facts, server: Served, client: Client
):
    """The caller's process is killed when the server has paid and it doesn't know. Takes 3 s."""
    key = new_key()
    stored = {"PREFIX": key, "KEY": key, "TIMEOUT": "30000"}
    with FaultyWire(server.port, Once(Fault.STALLED)) as wire:
        killed = Payments(programs, environment_of_programs, wire, **stored)
        assert wire.done.wait(30)
        killed.process.kill()
        assert killed.process.communicate()[0] == ""
        again = Payments(programs, environment_of_programs, wire, **stored)
        assert again.outcome() == {"raised": [], "replayed": [True]}
    assert references(client, key) == {key: 1}


@pytest.mark.ci
def test_error_after_the_deadline_has_the_key(
    programs: Path, environment_of_programs: Facts, server: Served, client: Client
):
    """With it the caller gets the outcome later. Takes 3 s."""
    reference = new_key()
    hasty = {"PREFIX": reference, "DEADLINE": "1000", "TIMEOUT": "300"}
    with FaultyWire(server.port, Once(Fault.CUT_AFTER, times=1000)) as wire:
        (raised,) = Payments(programs, environment_of_programs, wire, **hasty).outcome()["raised"]
    assert (raised["name"], raised["isOutcomeUnknown"]) == ("NoAnswer", True)
    assert raised["tries"] > 2
    with FaultyWire(server.port) as wire:
        again = {"PREFIX": reference, "KEY": raised["key"]}
        outcome = Payments(programs, environment_of_programs, wire, **again).outcome()
    assert outcome == {"raised": [], "replayed": [True]}
    assert references(client, reference) == {reference: 1}
