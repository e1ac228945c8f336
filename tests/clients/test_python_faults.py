"""Payments of the Python client, while wires are cut and the server is killed: each exactly once.

Takes a minute; the test marked `long` takes two to five minutes. Needs Linux.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from iocash_client import Client, NoAnswer, Retries, new_key
from iocash_client.models import TransferBody

from tests.support.embedded_postgres import linux
from tests.support.faulty_wire import Fault, FaultyWire, Once, Randomly
from tests.support.payments_through_faults import ForgetfulEngine, kill_until, references
from tests.support.server import Served

pytestmark = linux

CALLERS = 8
PATIENT = Retries(deadline=120, timeout=1.0, first_delay=0.02, longest_delay=1.0)
CHECKOUT = Path(__file__).parents[2]


class ForgetfulClient(Client):
    def __init__(self, url: str, credentials: str, *, retries: Retries) -> None:
        super().__init__(url, credentials, retries=retries)
        self._engine = ForgetfulEngine(self._engine.transport, retries)


def pay(client: Client, demo: dict[str, str], reference: str, **more: Any) -> Any:
    """Pay one cent: from Alice to Bob, or back."""
    wallets = [demo["aliceWalletId"], demo["bobWalletId"]]
    source, target = wallets if hash(reference) % 2 else wallets[::-1]
    body = TransferBody(target_wallet_id=target, amount="0.01", reference=reference)
    return client.create_movement(source, body, **more)


class Payments:
    """Payments of all callers at the same time, each with a reference of its own."""

    def __init__(self, client: Client, demo: dict[str, str], prefix: str, count: int) -> None:
        self.client, self.demo = client, demo
        self.raised: list[BaseException] = []
        self.callers = ThreadPoolExecutor(CALLERS)
        self.paying = [self.callers.submit(self.pay_one, f"{prefix}{n}") for n in range(count)]

    def pay_one(self, reference: str) -> None:
        try:
            pay(self.client, self.demo, reference)
        except Exception as error:  # noqa: BLE001
            self.raised.append(error)

    def wait(self, seconds: float | None = None) -> bool:
        """Tell whether all payments were tried."""
        return not wait(self.paying, seconds).not_done


def survive(
    server: Served, client: Client, demo: dict[str, str], *, count: int, share: float, pause: float
) -> tuple[Counter[Fault], int]:
    """Pay through faults; every payment must be there once. Return the faults and the kills."""
    prefix = f"{new_key()[:8]}-"
    with (
        FaultyWire(server.port, Randomly(share)) as wire,
        Client(wire.url, demo["apiKey"], retries=PATIENT) as caller,
    ):
        made = Payments(caller, demo, prefix, count)
        kills = kill_until(made.wait, server, pause)
    assert made.raised == []
    paid = references(client, prefix)
    assert paid == Counter({f"{prefix}{number}": 1 for number in range(count)})
    print(f"{count} payments, {wire.requests} requests, {dict(wire.counts)}, {kills} kills")  # noqa: T201
    return wire.counts, kills


@pytest.mark.ci
def test_each_payment_is_made_once_when_wires_are_cut(
    server: Served, client: Client, demo: dict[str, str]
):
    """Takes 15 s."""
    counts, kills = survive(server, client, demo, count=400, share=0.2, pause=3.0)
    assert set(counts) == set(Fault)
    assert kills >= 1


@pytest.mark.long
def test_each_of_ten_thousand_payments_is_made_once(
    server: Served, client: Client, demo: dict[str, str]
):
    """Takes five minutes."""
    counts, kills = survive(server, client, demo, count=10_000, share=0.12, pause=2.5)
    assert min(counts[fault] for fault in Fault) >= 100
    assert kills >= 30


@pytest.mark.ci
def test_new_key_for_each_try_pays_twice(server: Served, client: Client, demo: dict[str, str]):
    """The control: what the other tests count is seen. Takes 5 s."""
    prefix = f"{new_key()[:8]}-"
    with (
        FaultyWire(server.port, Randomly(0.2)) as wire,
        ForgetfulClient(wire.url, demo["apiKey"], retries=PATIENT) as caller,
    ):
        made = Payments(caller, demo, prefix, 100)
        assert made.wait()
    assert made.raised == []
    paid = references(client, prefix)
    assert len(paid) == 100
    assert paid.total() > 100


@pytest.mark.ci
@pytest.mark.parametrize("fault", Fault)
def test_payment_survives_each_fault(
    server: Served, client: Client, demo: dict[str, str], fault: Fault
):
    """Twice in a row. Takes 2 s."""
    reference = new_key()
    with (
        FaultyWire(server.port, Once(fault, times=2)) as wire,
        Client(wire.url, demo["apiKey"], retries=PATIENT) as caller,
    ):
        paid = pay(caller, demo, reference)
    assert wire.counts == {fault: 2}
    assert references(client, reference) == {reference: 1}
    assert client.get_movement(paid.wallet_id, paid.id).reference == reference


@pytest.mark.ci
def test_caller_resumes_with_its_key_after_it_was_killed(
    server: Served, client: Client, demo: dict[str, str]
):
    """The caller's process is killed when the server has paid and it doesn't know. Takes 3 s."""
    key = reference = new_key()
    program = [sys.executable, "-c", PAYING]
    with FaultyWire(server.port, Once(Fault.STALLED)) as wire:
        facts = {"URL": wire.url, "KEY": key, "API_KEY": demo["apiKey"]}
        facts |= {"SOURCE": demo["aliceWalletId"], "TARGET": demo["bobWalletId"]}
        path = {"PYTHONPATH": str(CHECKOUT / "clients" / "python" / "src")}
        environment = os.environ | facts | path
        caller = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True)
        assert wire.done.wait(30)
        caller.kill()
        assert caller.communicate()[0] == ""
        again = subprocess.run(program, env=environment, stdout=subprocess.PIPE, check=True)
    assert again.stdout.split() == [b"True"]
    assert references(client, reference) == {reference: 1}


PAYING = """
import os
from iocash_client import Client
from iocash_client.models import TransferBody

client = Client(os.environ["URL"], os.environ["API_KEY"])
key = os.environ["KEY"]  # stored before the first call
body = TransferBody(target_wallet_id=os.environ["TARGET"], amount="0.01", reference=key)
print(client.create_movement(os.environ["SOURCE"], body, key=key).meta.is_replayed)
"""


@pytest.mark.ci
def test_error_after_the_deadline_has_the_key(server: Served, client: Client, demo: dict[str, str]):
    """With it the caller gets the outcome later. Takes 3 s."""
    reference = new_key()
    hasty = Retries(deadline=1.0, timeout=0.3, first_delay=0.05)
    with (
        FaultyWire(server.port, Once(Fault.CUT_AFTER, times=1000)) as wire,
        Client(wire.url, demo["apiKey"], retries=hasty) as caller,
        pytest.raises(NoAnswer) as raised,
    ):
        pay(caller, demo, reference)
    assert raised.value.is_outcome_unknown
    assert raised.value.tries > 2
    assert references(client, reference) == {reference: 1}
    assert pay(client, demo, reference, key=raised.value.key).meta.is_replayed
    assert references(client, reference) == {reference: 1}
