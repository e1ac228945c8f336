"""A dry run predicts what the order would do, in any state, and changes nothing."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.model import database
from tests.model.dry_runs import DryRunGame
from tests.model.history import LIMITED, LIMITS
from tests.model.play import play, play_with_a_new_seed
from tests.support import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def game(settings):
    """The game on its stage; one level has limits in one currency."""
    amounts = {name: str(people.decimal(limit)) for name, limit in LIMITS.items()}
    own = settings.KYC_LIMITS[LIMITED[1]] | {str(database.LIMITED_LEVEL): amounts}
    settings.KYC_LIMITS = settings.KYC_LIMITS | {LIMITED[1]: own}
    DryRunGame.scene = database.Stage.build()
    DryRunGame.tally = Counter()
    DryRunGame.dry_runs = DryRunGame.predicted = 0
    return DryRunGame


@pytest.mark.slow
def test_dry_run_predicts_the_order_and_changes_nothing(game):
    play(game, 4, 50, derandomize=True)
    assert game.dry_runs >= 150
    assert game.predicted >= 50


@pytest.mark.long
def test_dry_run_predicts_the_order_in_long_runs(game, capsys):
    """Takes several minutes."""
    play_with_a_new_seed(game, 90, 80, capsys)
    with capsys.disabled():
        sys.stdout.write(f" {game.dry_runs} dry runs: {dict(game.tally.most_common())} ")
    assert game.dry_runs >= 5_000
    assert {*database.ORDERS, "replayed"} <= {*game.tally}, "some were never predicted"
