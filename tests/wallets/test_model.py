"""Any orders in any sequence: the ledger does what the model says, and shows it so."""

from __future__ import annotations

import random
import sys
from collections import Counter
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.model import database
from tests.model.history import LIMITED, LIMITS
from tests.model.ledger_machine import Game
from tests.support import people

pytestmark = pytest.mark.django_db

REFUSALS = """
    not_found invalid_fields target_wallet_not_found user_not_found external_account_not_found
    external_account_removed already_exists idempotency_key_reused insufficient_funds limit_exceeded
    currency_mismatch wallet_not_ready user_not_active wallet_not_empty movement_not_pending
    cash_out_sent cash_out_not_sent movement_not_reversible reversal_exceeded hold_not_open
    hold_exceeded version_conflict batch_refused invalid_transition
"""
"""Every way in which the ledger says no."""


@pytest.fixture(autouse=True)
def levels(settings):
    """One level has limits in one currency."""
    amounts = {name: str(people.decimal(limit)) for name, limit in LIMITS.items()}
    own = settings.KYC_LIMITS[LIMITED[1]] | {str(database.LIMITED_LEVEL): amounts}
    settings.KYC_LIMITS = settings.KYC_LIMITS | {LIMITED[1]: own}


def play(examples: int, length: int, **how: Any) -> None:
    """Play so many games of so many steps; what fails is shrunk, for minutes, and shown."""
    Game.scene = database.Stage.build()
    Game.steps, Game.tally = 0, Counter()
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=length,
        deadline=None,
        print_blob=True,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
        **how,
    )
    run_state_machine_as_test(Game, settings=settings)


def test_ledger_matches_the_model(capsys):
    play(10, 50, derandomize=True)
    with capsys.disabled():
        sys.stdout.write(f" {Game.steps} steps ")
    assert Game.steps >= 400


@pytest.mark.long
def test_ledger_matches_the_model_in_long_runs(capsys):
    """The seed is told before: `hypothesis.seed` takes it."""
    seed = random.SystemRandom().getrandbits(32)
    with capsys.disabled():
        sys.stdout.write(f" seed {seed},")
    hypothesis.seed(seed)(Game)
    play(300, 80)
    with capsys.disabled():
        sys.stdout.write(f" {Game.steps} steps: {dict(Game.tally.most_common())} ")
    assert Game.steps >= 20_000
    assert {*database.ORDERS, *REFUSALS.split(), "replayed"} <= {*Game.tally}, "some never happened"
