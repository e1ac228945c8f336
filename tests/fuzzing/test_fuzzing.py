"""Callers that nobody would think of: schemathesis asks every operation of the document.

What is well-formed reaches real users, wallets and holds, and the ledger behind them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iocash.http.naming import camel
from iocash.postgres import CHECKOUT
from tests.support import people
from tests.support.resources import RESOURCES, make_each, subject_of
from tests.support.server import Served, database_of_tests
from users.models import Event
from users.serializers.kyc import Content
from wallets.models import Wallet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
    ),
]

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
IBANS = ["ES9121000418450200051332", "DE89370400440532013000"]
PHONES = [f"+346000001{number:02}" for number in range(100)]


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Served]:
    with Served(database_of_tests(), tmp_path / "server.log") as served:
        yield served


@pytest.fixture
def real(alices: Wallet, bobs: Wallet) -> dict[str, list[str]]:
    """Ids of Alice and Bob, and of what they have, by the names that the API gives them."""
    people.cash_in(alices, 1_000_000_00)
    paid = people.transfer(alices, bobs, 500_000_00)
    made = [make_each(alices, bobs, 100_00 + number) for number in range(20)]
    names = {name: name for name in made[0]} | {
        camel(subject_of(resource.model)): resource.name for resource in RESOURCES if resource.make
    }
    wallets = [str(alices.id), str(bobs.id)]
    return {
        "userId": [str(alices.user_id), str(bobs.user_id)],
        "walletId": [wallets[0], wallets[0], wallets[1]],
        "sourceWalletId": wallets,
        "targetWalletId": wallets[::-1],
        "targetWallet": wallets[::-1],
        "movementId": [str(paid.id), str(people.movements(alices)[0].id)],
        "subjectId": [str(paid.id), wallets[0], str(alices.user_id)],
        "eventId": [str(each) for each in Event.objects.values_list("id", flat=True)[:20]],
        "operationId": [str(movement.operation_id) for movement in people.movements(alices)],
        **{f"{alias}Id": [str(each[name]) for each in made] for alias, name in names.items()},
        "iban": IBANS,
        "accountNumber": IBANS,
        "externalIban": IBANS,
        "mobilePhone": PHONES,
        "content": [Content.example],
    }


def fuzz(
    server: Served, secret: str, real: dict[str, Any], *options: str, path: str = "/api/schema"
) -> int:
    """Let schemathesis loose on the server; return how many requests it made."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
            *(
                "run",
                f"{server.url}{path}",
                "--url",
                server.url,
                "--header",
                f"Authorization: Bearer {secret}",
            ),
            *("--continue-on-failure", "--generation-database", "none", "--no-color", *options),
        ],
        cwd=server.log.parent,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks",
            "PYTHONPATH": str(CHECKOUT),
            "IOCASH_REAL": json.dumps(real),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) generated", done.stdout)
    assert found, done.stdout
    return int(found[1])


@pytest.mark.ci
def test_few_hundred_fuzzed_calls_cause_no_failure(server, client_demo, real):
    """Takes 15 s, and needs schemathesis."""
    options = ("--phases", "fuzzing,stateful")
    secret = people.a_key(client_demo)
    assert fuzz(server, secret, real, *options, "--seed", "1", "-n", "4") >= 200


@pytest.mark.long
@pytest.mark.parametrize("path", ["/api/schema", "/api/schema/published"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thousands_of_fuzzed_calls_cause_no_failure(server, client_demo, real, seed, path):
    """Takes several minutes a seed; needs schemathesis."""
    secret = people.a_key(client_demo)
    assert fuzz(server, secret, real, "--seed", str(seed), "-n", "5", path=path) >= 2_000
