"""Group commit when something is wrong that cannot be: nobody waits for ever, nobody is quoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from iocash import errors
from tests.support.group_commit import Desk, Noticing, Slip, numbers, outcome
from wallets.posting.group_commit import Undone


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_rolled_back_group_is_logged_without_personal_data(desk, caplog):
    caplog.set_level("INFO")

    def post(slips: Sequence[Any], before_asking: Any) -> Any:
        raise Undone() from ValueError("Key (iban)=(ES9121000418450200051332) exists")

    desk.group_commit.post = post
    assert desk.submit(1) == outcome(Slip(1))
    assert "1 orders were rolled back: ValueError" in caplog.text
    assert "ES91" not in caplog.text


def test_order_with_a_broken_weight_fails_alone(desk):
    class Unweighed(Slip):
        @property
        def weight(self) -> int:
            raise ZeroDivisionError

        def __init__(self) -> None:
            object.__setattr__(self, "number", 2)

    with desk.busy():
        callers = desk.bring(1)
        with pytest.raises(ZeroDivisionError):
            desk.group_commit.submit(Unweighed())
        callers += desk.bring(3)
    assert numbers(callers) == [1, 3]


def test_leader_without_an_answer_raises_inconsistent(desk):
    class Forgetful(Noticing):
        def lead(self) -> None:
            pass

    desk.group_commit.__class__ = Forgetful
    with pytest.raises(errors.Inconsistent):
        desk.submit(1)
