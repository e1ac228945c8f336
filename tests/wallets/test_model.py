"""Any orders in any sequence: the ledger does what the model says, and shows it so."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.model import database
from tests.model.history import LIMITED, LIMITS
from tests.model.ledger_machine import Game
from tests.model.play import play, play_with_a_new_seed
from tests.support import people

pytestmark = pytest.mark.django_db

REFUSALS = """
    not_found invalid_fields target_wallet_not_found user_not_found external_account_not_found
    external_account_removed already_exists idempotency_key_reused insufficient_funds limit_exceeded
    currency_mismatch wallet_not_ready user_not_active wallet_not_empty movement_not_pending
    cash_out_sent cash_out_not_sent movement_not_reversible movement_not_settled reversal_exceeded
    hold_not_open
    hold_exceeded version_conflict batch_refused invalid_transition wallet_limit_reached
"""
"""Every way in which the ledger says no."""


@pytest.fixture(autouse=True)
def levels(settings):
    """One level has limits in one currency."""
    amounts = {name: str(people.decimal(limit)) for name, limit in LIMITS.items()}
    own = settings.KYC_LIMITS[LIMITED[1]] | {str(database.LIMITED_LEVEL): amounts}
    settings.KYC_LIMITS = settings.KYC_LIMITS | {LIMITED[1]: own}


@pytest.fixture
def game():
    """The game on its stage; what it did is counted anew."""
    Game.scene = database.Stage.build()
    Game.steps, Game.tally = 0, Counter()
    return Game


def test_ledger_matches_the_model(game, capsys):
    play(game, 4, 50, derandomize=True)
    with capsys.disabled():
        sys.stdout.write(f" {game.steps} steps ")
    assert game.steps >= 150


@pytest.mark.ci
def test_ledger_matches_the_model_in_more_games(game):
    """Takes 7 s."""
    play(game, 10, 50, derandomize=True)
    assert game.steps >= 400


@pytest.mark.long
def test_ledger_matches_the_model_in_long_runs(game, capsys):
    """Takes several minutes."""
    play_with_a_new_seed(game, 300, 80, capsys)
    with capsys.disabled():
        sys.stdout.write(f" {game.steps} steps: {dict(game.tally.most_common())} ")
    assert game.steps >= 20_000
    assert {*database.ORDERS, *REFUSALS.split(), "replayed"} <= {*game.tally}, "some never happened"
