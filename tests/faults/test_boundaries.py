"""A connection breaks at each message around COMMIT, or somebody lies there: paid once, or not.

PostgreSQL itself is well, so whoever asks it can know: to doubt is not allowed here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.faults.commit_faults import BROKEN, ENDED, LIES, OTHER_STATES, RIGHT, outcome_of
from tests.faults.relay import (
    WRITES,
    Fault,
    Relay,
    relayed,
    stall,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(alices, bobs) -> Iterator[Relay]:
    with relayed() as relay:
        yield relay


@pytest.mark.parametrize("fault", [*BROKEN, *LIES, *ENDED], ids=str)
def test_payment_without_a_key_is_made_once_and_answered_correctly(api, alices, bobs, relay, fault):
    assert outcome_of(api, alices, bobs, relay, fault) in RIGHT


@pytest.mark.ci
@pytest.mark.parametrize("fault", OTHER_STATES, ids=str)
def test_payment_is_made_once_for_any_error_message(api, alices, bobs, relay, fault):
    """Takes half a minute."""
    assert outcome_of(api, alices, bobs, relay, fault) in RIGHT


@pytest.mark.ci
@pytest.mark.parametrize("fault", [*BROKEN, *LIES, *ENDED, *OTHER_STATES], ids=str)
def test_payment_is_made_once_without_group_commit(api, alices, bobs, relay, settings, fault):
    """Takes a minute."""
    settings.GROUP_COMMIT = False
    assert outcome_of(api, alices, bobs, relay, fault) in RIGHT


@pytest.mark.parametrize("grouped", [True, False], ids=["grouped", "alone"])
@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_payment_is_made_once_when_postgresql_ends_its_transaction(
    api, alices, bobs, relay, settings, limit, grouped
):
    """The limit is set on one connection; the second try uses another."""
    settings.GROUP_COMMIT = grouped
    connection.ensure_connection()
    connection.connection.execute(f"SET {limit} = '50ms'")
    fault = Fault(WRITES, stall(0.2))
    assert outcome_of(api, alices, bobs, relay, fault) == (201, 1)
