"""What the database refuses of tasks and their changes."""

from __future__ import annotations

import pytest

from tests.support import people
from tests.support.constraints import refused_by
from tests.support.tasks import a_task
from users.models import Task, TaskChange, User

pytestmark = pytest.mark.django_db

BROKEN_TASKS = {
    "task_has_a_title": "title = ''",
    "task_has_an_owner": "owner = ''",
    "task_is_about_one_subject_or_none": "subject = ''",
    "task_is_about_the_user_itself": "subject_id = gen_random_uuid()",
    "task_is_done_by_a_member": "done_at = now()",
}
COPY = """
    INSERT INTO users_task (id, client_id, user_id, subject, subject_id, title, text, owner,
                            due_on, actor, done_by, done_at)
    SELECT gen_random_uuid(), (made).client_id, (made).user_id, (made).subject, (made).subject_id,
           (made).title, (made).text, (made).owner, (made).due_on, (made).actor, (made).done_by,
           (made).done_at
    FROM (SELECT jsonb_populate_record(task, jsonb_build_object('{column}', {value})) AS made
          FROM users_task AS task) AS copied
"""


@pytest.fixture
def task(alice: User) -> Task:
    return a_task(alice)


@pytest.mark.parametrize("constraint", BROKEN_TASKS)
def test_database_refuses_a_task_that_violates_a_constraint(constraint, task):
    column, _, value = BROKEN_TASKS[constraint].partition(" = ")
    assert refused_by(COPY.format(column=column, value=value)) == constraint


def test_every_constraint_of_tasks_is_tested():
    assert {each.name for each in Task._meta.constraints} == {*BROKEN_TASKS}
    assert {each.name for each in TaskChange._meta.constraints} == {"task_change_is_known"}


def test_texts_of_a_task_are_never_edited(task):
    assert refused_by("UPDATE users_task SET title = 'Other'") == "task_texts_are_never_edited"


def test_task_is_of_the_client_of_its_user(task):
    other = people.a_client("Another")
    copy = COPY.format(column="client_id", value=f"'{other.id}'")
    assert refused_by(copy) == "task_is_of_the_users_client"


def test_change_of_a_task_is_of_a_known_kind(task):
    assert refused_by("UPDATE users_taskchange SET kind = 'OTHER'") == "task_change_is_known"
