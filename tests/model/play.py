"""Random games of a state machine: reproducible short ones, and long ones with a new seed."""

from __future__ import annotations

import random
import sys
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def play(machine: type[RuleBasedStateMachine], examples: int, length: int, **how: Any) -> None:
    """Play so many games of at most so many steps; shrink a failure, for minutes, and show it."""
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
    run_state_machine_as_test(machine, settings=settings)


def play_with_a_new_seed(
    machine: type[RuleBasedStateMachine], examples: int, length: int, capsys: pytest.CaptureFixture
) -> None:
    """Print the seed before: pass it to `hypothesis.seed` to repeat the games."""
    seed = random.SystemRandom().getrandbits(32)
    with capsys.disabled():
        sys.stdout.write(f" seed {seed},")
    hypothesis.seed(seed)(machine)
    play(machine, examples, length)
