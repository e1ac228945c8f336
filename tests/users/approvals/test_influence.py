"""Whose access one person has made: such members of staff are no two people."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from iocash import errors
from iocash.db.transactions import single_transaction
from tests.support import staff
from tests.support.approvals import a_request, approve, ask, staff_action_approved
from users.admin.approved_keys import ask_for_scope
from users.admin.approved_staff import ask_for_member
from users.approvals.influence import are_independent, circle_of
from users.approvals.words import waiting_for_member
from users.models import ApiKey, Approval, events
from users.models.approvals import ApprovalKind
from users.models.events import By, EventKind
from users.staff import members

pytestmark = pytest.mark.django_db
NAMES = {"first_name": "", "last_name": "", "email": ""}
ROLES = ["administrator", "operator", "supervisor"]


def added(name: str, asker: Any, second: Any) -> Any:
    """A member of staff whom `asker` has added, as `second` has approved."""
    values = {"username": name, "roles": ROLES, **NAMES}
    approve(ask(ask_for_member(None, values), asker), second)
    return get_user_model().objects.get(username=name)


@pytest.mark.slow
def test_maker_of_a_member_does_not_decide_about_its_requests(asker, second, alices):
    asked = a_request(alices, 900_000_00, added("carol", asker, second))
    with pytest.raises(errors.PermissionDenied, match="In the last 7 days"):
        approve(asked, asker)
    with pytest.raises(errors.PermissionDenied):
        approve(asked, second)
    assert approve(asked, staff.a_member(*ROLES, name="dave")).state == "APPROVED"


@pytest.mark.slow
def test_members_of_one_maker_do_not_decide_for_one_another(asker, second, alices):
    one, other = (added(name, asker, second) for name in ("carol", "dave"))
    for decider in (one, other):
        asked = a_request(alices, 900_000_00, other if decider == one else one)
        with pytest.raises(errors.PermissionDenied):
            approve(asked, decider)


@pytest.mark.slow
def test_member_added_by_an_added_member_depends_on_the_first_maker(asker, second, alices):
    one = added("carol", asker, second)
    other = added("dave", one, staff.a_member(*ROLES, name="erin"))
    with pytest.raises(errors.PermissionDenied):
        approve(a_request(alices, 5_00, asker), other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "action",
    [
        lambda member, asker: members.new_link(member, by=asker),
        partial(staff_action_approved, ApprovalKind.RESET_PASSWORD),
        partial(staff_action_approved, ApprovalKind.RESET_SECOND_FACTOR),
        partial(staff_action_approved, ApprovalKind.CHANGE_ROLES, roles=ROLES),
    ],
    ids=["link", "password", "factor", "roles"],
)
def test_reset_and_promotion_make_two_members_dependent_both_ways(asker, alices, action):
    carol = staff.a_member(staff.SUPERVISOR, staff.OPERATOR, staff.ADMINISTRATOR, name="carol")
    assert are_independent(asker.pk, carol.pk)
    action(carol, asker)
    for one, other in ((asker, carol), (carol, asker)):
        assert not are_independent(one.pk, other.pk)
        with pytest.raises(errors.PermissionDenied):
            approve(a_request(alices, 5_00, one), other)


@pytest.mark.slow
def test_two_older_members_of_a_team_of_three_still_decide_for_one_another(asker, second, alices):
    added("carol", asker, second)
    for one, other in ((asker, second), (second, asker)):
        assert approve(a_request(alices, 5_00, one), other).state == "APPROVED"


def test_influence_ends_after_seven_days(asker, alices):
    carol = staff.a_member(*ROLES, name="carol")
    members.new_link(carol, by=asker)
    LogEntry.objects.update(action_time=LogEntry.objects.get().action_time - timedelta(days=7))
    assert approve(a_request(alices, 5_00, carol), asker).state == Approval.State.APPROVED


@pytest.mark.slow
def test_list_and_number_leave_out_requests_of_dependent_members(asker, second, alices):
    carol = added("carol", asker, second)
    asked = [a_request(alices, 5_00, carol), a_request(alices, 6_00, second)]
    assert [*waiting_for_member(asker)] == asked[1:]
    assert not waiting_for_member(carol).exists()
    page = staff.browser_of(asker).get(reverse("admin:approvals"))
    assert [row.asked for row in page.context["rows"]] == asked[1:]


def issued_by(member: Any, client: Any) -> ApiKey:
    by = By(f"staff:{member.pk}")
    with single_transaction():
        key, _secret = ApiKey.issue(client=client, label="Server", scopes=["users:read"])
        events.record_about_client(key, EventKind.API_KEY_ISSUED, by)
    return key


def test_list_and_number_leave_out_keys_that_the_member_has_issued(asker, second, client_demo):
    carol = staff.a_member(*ROLES, name="carol")
    own, other = (issued_by(each, client_demo) for each in (asker, carol))
    asked = [
        ask(ask_for_scope(key, {"scopes": ["movements:write"]}), second) for key in (own, other)
    ]
    with pytest.raises(errors.PermissionDenied, match="You have issued this key"):
        approve(asked[0], asker)
    assert [*waiting_for_member(asker)] == asked[1:]
    assert [*waiting_for_member(carol)] == asked[:1]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["admin:index", "admin:approvals", "one"])
def test_page_reads_influences_once(page, asker, second, alices):
    asked = a_request(alices, 5_00, asker)
    address = reverse("admin:users_approval_change", args=[asked.pk])
    browser = staff.browser_of(second)
    with CaptureQueriesContext(connection) as found:
        browser.get(address if page == "one" else reverse(page))
    read = [each for each in found.captured_queries if "django_admin_log AS entry" in each["sql"]]
    assert len(read) == 1


def test_circle_is_closed_over_all_steps():
    influences = {1: {2}, 2: {3}, 3: {1}, 4: {5}}
    assert circle_of(1, influences) == {1, 2, 3}
    assert circle_of(5, influences) == {5}
