"""Tasks of staff: adding, acting, two members at once, the list, Today, and the erasure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from iocash.db import clock
from tests.support import people, sandbox
from tests.support.backoffice import page_of
from tests.support.staff import OPERATOR, REVIEWER, VIEWER, a_member, browser_of
from tests.support.tasks import LATER, a_task
from tests.support.threads import at_once
from users.models import Task, TaskChange
from users.models.events import By
from wallets import erasure, posting
from wallets.models import Movement
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

LIST = "admin:users_task_changelist"


@pytest.fixture
def member() -> Any:
    return a_member(OPERATOR)


@pytest.fixture
def browser(member: Any) -> Browser:
    return browser_of(member)


@pytest.fixture
def colleague() -> Any:
    return a_member(REVIEWER, name="colleague")


def values(member: Any, **changes: Any) -> dict[str, str]:
    given = {"title": "Call", "text": "Ask for the invoice.", "owner": f"staff:{member.pk}"}
    return {"key": str(uuid4()), "due_on": LATER.isoformat(), **given, **changes}


def address(thing: Any, action: str = "add-task") -> str:
    label = thing._meta.label_lower.replace(".", "_")
    return reverse(f"admin:{label}_action", args=[thing.pk, action])


def do_action(browser: Browser, task: Task, name: str, **changes: Any) -> Any:
    """Send the form of an action as the page of the action shows it."""
    form = browser.get(address(task, name)).context["form"]
    sent = {"key": str(uuid4()), "seen": form["seen"].value(), **changes}
    return browser.post(address(task, name), sent)


def yesterday() -> date:
    return clock.now().date() - timedelta(days=1)


@pytest.mark.slow
def test_task_added_on_a_page_is_shown_there_and_leads_back(browser, member, alices, bobs):
    movement = Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id)
    for thing in (alices.user, alices, movement):
        name = f"On {thing._meta.model_name}"
        assert browser.post(address(thing), values(member, title=name)).status_code == 302
        task = Task.objects.latest("created_at", "id")
        assert (task.subject_id, task.user_id, task.owner) == (
            thing.pk,
            alices.user_id,
            f"staff:{member.pk}",
        )
        shown = browser.get(page_of(thing), {"tab": "tasks"}).text
        assert page_of(task) in shown
        assert page_of(thing) in browser.get(page_of(task)).text
    page = browser.get(page_of(alices.user), {"tab": "tasks"}).text
    assert all(f"On {name}" in page for name in ("user", "wallet", "movement"))


def test_list_adds_a_task_without_a_subject(browser, member):
    assert browser.post(reverse("admin:users_task_add"), values(member)).status_code == 302
    task = Task.objects.get()
    assert (task.user_id, task.subject, task.subject_id) == (None, "", None)
    assert "What it is about" not in browser.get(page_of(task)).text


def test_form_sent_twice_adds_one_task_and_other_words_are_refused(browser, member, alices):
    sent = values(member)
    for _ in range(2):
        assert browser.post(address(alices), sent).status_code == 302
    assert browser.post(address(alices), sent | {"title": "Write"}).status_code == 200
    assert Task.objects.get().title == "Call"
    assert TaskChange.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_forms_sent_at_the_same_time_add_one_task(browser, member, alices):
    sent = values(member)
    at_once(*[lambda: browser.post(address(alices), sent)] * 4)
    assert Task.objects.count() == TaskChange.objects.count() == 1


def test_form_offers_active_members_with_permission_as_owners(browser, member, alices, colleague):
    viewer = a_member(VIEWER, name="viewer")
    gone = a_member(OPERATOR, name="gone")
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    form = browser.get(address(alices)).context["form"]
    owners = {owner for owner, _name in form.fields["owner"].choices}
    assert owners == {f"staff:{member.pk}", f"staff:{colleague.pk}"}
    refused = browser.post(address(alices), values(member, owner=f"staff:{viewer.pk}"))
    assert refused.status_code == 200
    assert not Task.objects.exists()


@pytest.mark.slow
def test_actions_change_the_task_and_are_listed(browser, member, colleague, alices):
    task = a_task(alices)
    do_action(browser, task, "take")
    do_action(browser, task, "due", due_on="2998-01-01")
    do_action(browser, task, "assign", owner=f"staff:{colleague.pk}")
    do_action(browser, task, "done")
    task.refresh_from_db()
    assert (task.owner, task.due_on.year) == (f"staff:{colleague.pk}", 2998)
    assert (task.is_done, task.done_by) == (True, f"staff:{member.pk}")
    page = browser.get(page_of(task)).text
    for words in ("Added the task.", "Assigned the task to colleague.", "Marked the task as done."):
        assert words in page
    assert do_action(browser, task, "due", due_on="2997-01-01").status_code == 200
    do_action(browser, task, "reopen")
    task.refresh_from_db()
    assert (task.done_at, task.done_by, task.due_on.year) == (None, "", 2998)


def test_repeated_form_acts_once(browser, alices):
    task, key = a_task(alices), str(uuid4())
    seen = task.changes.get().pk
    for _ in range(2):
        sent = {"key": key, "seen": seen}
        assert browser.post(address(task, "done"), sent).status_code == 302
    assert task.changes.filter(kind="DONE").count() == 1


def test_stale_form_keeps_its_input_and_shows_the_last_change(browser, colleague, alices):
    task = a_task(alices)
    stale = task.changes.get().pk
    do_action(browser_of(colleague), task, "due", due_on="2998-01-01")
    sent = {"key": str(uuid4()), "seen": stale, "due_on": "2996-02-03"}
    page = browser.post(address(task, "due"), sent)
    assert "colleague: Changed the due date to" in page.text
    assert page.context["form"]["due_on"].value() == "2996-02-03"
    task.refresh_from_db()
    assert task.due_on.year == 2998
    again = sent | {"seen": page.context["form"]["seen"].value()}
    assert browser.post(address(task, "due"), again).status_code == 302
    task.refresh_from_db()
    assert task.due_on.year == 2996


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_simultaneous_forms_change_the_task_once(browser, colleague, alices):
    task, other = a_task(alices), browser_of(colleague)
    seen = task.changes.get().pk
    answers = at_once(
        *[
            lambda each=each: (
                each.post(address(task, "take"), {"key": str(uuid4()), "seen": seen}).status_code
            )
            for each in (browser, other)
        ]
    )
    assert sorted(answers) == [200, 302]
    assert task.changes.count() == 2


def test_list_shows_own_open_tasks_first_and_others_on_request(browser, member, alices):
    own: dict[str, Any] = {"owner": f"staff:{member.pk}"}
    a_task(alices, "Due now", due_on=yesterday(), **own)
    a_task(alices, "Due later", **own)
    do_action(browser, a_task(alices, "Finished", **own), "done")
    a_task(title="Of another")
    found = {
        query: [str(each) for each in titles_of(browser, query)]
        for query in ("", "state=due", "state=done", "owned=all")
    }
    assert found == {
        "": ["Due now", "Due later"],
        "state=due": ["Due now"],
        "state=done": ["Finished"],
        "owned=all": ["Due now", "Due later", "Of another"],
    }
    assert "Overdue" in browser.get(reverse(LIST)).text
    assert titles_of(browser, f"owned=all&q={alices.pk}") == ["Due now", "Due later"]


def titles_of(browser: Browser, query: str) -> list[str]:
    rows = browser.get(f"{reverse(LIST)}?{query}").context["cl"].result_list
    return [row.title for row in rows]


def test_today_and_menu_count_own_due_tasks_only(browser, member, colleague):
    own: dict[str, Any] = {"owner": f"staff:{member.pk}"}
    a_task(title="Late", due_on=yesterday(), **own)
    a_task(title="Now", due_on=clock.now().date(), **own)
    a_task(title="Later", **own)
    a_task(title="Hers", due_on=yesterday(), owner=f"staff:{colleague.pk}")
    page = browser.get(reverse("admin:index"))
    assert "2 tasks" in page.text
    assert "1 overdue" in page.text
    counts = {each.address: each.count for _, rows in page.context["menu"] for each in rows}
    assert counts[reverse(LIST)] == "2"
    page = browser_of(a_member(VIEWER, name="viewer")).get(reverse("admin:index"))
    assert "My tasks due" in page.text
    assert "2 tasks" not in page.text


def test_due_day_is_that_of_the_members_time_zone(browser, member):
    late = (clock.now() + timedelta(days=1)).replace(hour=23, minute=30)
    task = a_task(due_on=late.date() + timedelta(days=1), owner=f"staff:{member.pk}")
    sandbox.make()
    sandbox.set_clock(late)
    assert titles_of(browser, "state=due") == []
    browser.post(reverse("admin:account"), {"language": "", "time_zone": "Europe/Madrid"})
    assert titles_of(browser, "state=due") == [task.title]


def test_day_of_a_member_lists_changes_of_tasks(browser, member, alices):
    browser.post(address(alices), values(member, title="Call back"))
    page = browser.get(reverse("admin:staff-activity", args=[member.pk])).text
    assert "Added the task." in page
    assert "Call back" in page


def test_erasure_deletes_the_tasks_of_the_user(browser, member, alices, bobs):
    posting.submit(UnsubscribeUser(client_id=bobs.client_id, by=people.BY, user_id=bobs.user_id))
    task, other = a_task(bobs), a_task(alices)
    erasure.erase(user_id=bobs.user_id, by=By("staff:1"), reason="USER_REQUEST")
    assert [each.pk for each in Task.objects.all()] == [other.pk]
    assert [each.task_id for each in TaskChange.objects.all()] == [other.pk]
    bobs.user.refresh_from_db()
    assert browser.post(address(bobs), values(member)).status_code == 200
    assert Task.objects.count() == 1
    assert browser.post(address(task, "done"), {"key": str(uuid4())}).status_code == 404
