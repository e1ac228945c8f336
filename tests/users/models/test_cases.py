"""What the database itself refuses about cases."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from tests.support.cases import a_case
from tests.support.constraints import refused_by
from users.models import Case, User

pytestmark = pytest.mark.django_db

TWICE = """
    INSERT INTO users_casesubject (case_id, client_id, user_id, subject, subject_id)
    SELECT case_id, client_id, user_id, subject, subject_id FROM users_casesubject
"""
BROKEN = {
    "case_kind_is_known": "UPDATE users_case SET kind = 'GOSSIP'",
    "case_has_a_title": "UPDATE users_case SET title = ''",
    "case_is_open_or_closed_at_a_time": "UPDATE users_case SET closed_at = now()",
    "case_is_closed_with_an_outcome": "UPDATE users_case SET state = 'CLOSED', closed_at = now()",
    "case_subject_is_known": "UPDATE users_casesubject SET subject = 'planet'",
    "case_concerns_each_subject_once": TWICE,
}


@pytest.fixture
def case(alice: User) -> Case:
    return a_case(alice)


@pytest.mark.parametrize("name", BROKEN)
def test_row_that_violates_a_constraint_is_refused(name, case):
    assert refused_by(BROKEN[name]) == name


def test_every_constraint_of_cases_is_violated_by_a_test():
    models = [each for each in apps.get_app_config("users").get_models() if "Case" in each.__name__]
    declared = {constraint.name for model in models for constraint in model._meta.constraints}
    assert declared == {*BROKEN}


@pytest.mark.parametrize("state", ["outcome = 'Paid'", "state = 'AJAR', outcome = 'Paid'"])
def test_case_is_open_without_an_outcome_or_closed(state, case):
    assert refused_by(f"UPDATE users_case SET {state}") == "case_is_open_or_closed_at_a_time"


def test_text_of_an_action_on_a_case_is_never_edited(case):
    with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
        connection.cursor().execute("UPDATE users_caseentry SET text = 'Changed'")
