"""What the database refuses of notes, of assignments of reviews and of reasons for rejections."""

from __future__ import annotations

import pytest

from tests.support import people
from tests.support.constraints import refused_by
from tests.support.notes import a_note
from users.models import Note, RejectionReason

pytestmark = pytest.mark.django_db

COPY = """
    INSERT INTO users_note (id, client_id, user_id, subject, subject_id, text, actor)
    SELECT gen_random_uuid(), {client}, user_id, {subject}, subject_id, {text}, actor
    FROM users_note
"""
AS_IT_IS = {"client": "client_id", "subject": "subject", "text": "text"}
BROKEN_NOTES = {
    "note_subject_is_known": {"subject": "'hold'"},
    "note_has_a_text": {"text": "''"},
}
INSERT_REASON = "INSERT INTO users_rejectionreason (text, is_offered) VALUES (%s, true)"
INSERT_ASSIGNMENT = """
    INSERT INTO users_reviewassignment (client_id, user_id, member, actor)
    VALUES (%s, %s, '', 'staff:1')
"""


@pytest.mark.parametrize("constraint", BROKEN_NOTES)
def test_database_refuses_a_note_that_violates_a_constraint(constraint, alice):
    a_note(alice)
    assert refused_by(COPY.format(**AS_IT_IS | BROKEN_NOTES[constraint])) == constraint


def test_every_constraint_of_notes_is_tested():
    assert {each.name for each in Note._meta.constraints} == {*BROKEN_NOTES}
    assert len(RejectionReason._meta.constraints) == 1


def test_note_is_never_edited(alice):
    a_note(alice)
    assert refused_by("UPDATE users_note SET text = 'Other'") == "note_is_never_edited"


def test_note_is_of_the_client_of_its_user(alice):
    a_note(alice)
    other = people.a_client("Another")
    copy = COPY.format(**AS_IT_IS | {"client": f"'{other.id}'"})
    assert refused_by(copy) == "note_is_of_the_users_client"


def test_assignment_is_of_the_client_of_its_user(alice):
    other = people.a_client("Another")
    refused = refused_by(INSERT_ASSIGNMENT, [other.id, alice.id])
    assert refused == "review_assignment_is_of_the_users_client"


def test_reason_for_rejection_has_a_text(alice):
    assert refused_by(INSERT_REASON, [""]) == "rejection_reason_has_a_text"
