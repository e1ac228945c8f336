"""What the database refuses of approvals and thresholds."""

from __future__ import annotations

import json

import pytest

from tests.support import people, staff
from tests.support.approvals import (
    a_request,
    approve,
    ask,
    raise_threshold,
)
from tests.support.constraints import refused_by
from users.admin.approved_staff import ask_for_member
from users.approvals.thresholds import asked_threshold
from users.models import Approval, Threshold
from users.models.approvals import ApprovalKind

pytestmark = pytest.mark.django_db

NAMED = "(SELECT id FROM auth_user WHERE username = '{}')"
BOB, ALICE = NAMED.format("bob"), NAMED.format("alice")
DECIDED = f"state = 'APPROVED', decided_by_id = {BOB}, decided_at = now()"
REFUSED = DECIDED.replace("APPROVED", "REFUSED")
KEPT = "payload - '{first_name,last_name,email}'::text[]"
NEW_MEMBER = {
    "username": "erin",
    "first_name": "Erin",
    "last_name": "Example",
    "email": "erin@example.com",
    "roles": ["viewer"],
}
BROKEN = [
    ("approval_is_decided_by_another", DECIDED.replace("bob", "alice")),
    (
        "approval_is_decided_by_another",
        f"state = 'FAILED', code = 'x', decided_by_id = {ALICE}, decided_at = now()",
    ),
    ("approval_is_withdrawn_by_its_asker", DECIDED.replace("APPROVED", "WITHDRAWN")),
    ("approval_state_is_consistent", "state = 'APPROVED'"),
    ("approval_state_is_consistent", "state = 'APPROVED', decided_at = now()"),
    ("approval_state_is_consistent", "state = 'OTHER'"),
    ("approval_state_is_consistent", "made_id = gen_random_uuid()"),
    ("approval_state_is_consistent", "code = 'insufficient_funds'"),
    ("approval_state_is_consistent", DECIDED.replace("APPROVED", "FAILED")),
    ("approval_state_is_consistent", "state = 'EXPIRED'"),
    ("approval_is_never_edited", "amount = amount + 1"),
    ("approval_is_never_edited", "currency = 'USD'"),
    ("approval_is_never_edited", "payload = '{}'"),
    ("approval_is_never_edited", "kind = 'ADJUSTMENT'"),
    ("approval_is_never_edited", "counterparty_id = user_id"),
    ("approval_is_never_edited", f"asked_by_id = {BOB}"),
    ("approval_is_never_edited", "expires_at = expires_at + interval '1 day'"),
    ("approval_texts_are_only_erased", "reason = 'Other'"),
    ("approval_texts_are_only_erased", "texts = '{}'"),
    ("approval_texts_are_only_erased", "facts = '[]'"),
    (
        "approval_texts_are_only_erased",
        "facts = NULL, texts = NULL, reason = '', decision = ''",
    ),
]


@pytest.fixture
def asked(asker, second, alices) -> Approval:
    return a_request(alices, 5_00, asker)


@pytest.mark.parametrize(("constraint", "change"), BROKEN)
def test_database_refuses_a_change_of_a_waiting_approval(asked, constraint, change):
    assert refused_by(f"UPDATE users_approval SET {change}") == constraint


@pytest.mark.parametrize(
    "change",
    ["state = 'REFUSED'", "made_id = gen_random_uuid()", f"decided_by_id = {ALICE}"],
)
def test_approval_is_decided_once(asked, second, change):
    approve(asked, second)
    assert refused_by(f"UPDATE users_approval SET {change}") == "approval_is_decided_once"


def test_approval_is_never_removed(asked):
    assert refused_by("DELETE FROM users_approval") == "approval_is_never_removed"


COPY = """
    INSERT INTO users_approval SELECT (jsonb_populate_record(
        original, jsonb_build_object('id', gen_random_uuid()) || %s::jsonb
    )).* FROM users_approval AS original
"""


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("approval_begins_as_asked", '{"state": "APPROVED"}'),
        ("approval_amount_has_a_currency", '{"currency": ""}'),
        ("approval_amount_has_a_currency", '{"amount": null}'),
        ("approval_amount_has_a_currency", '{"amount": -1}'),
        ("approval_has_a_reason", '{"reason": ""}'),
        ("approval_expires_after_it_was_asked", '{"expires_at": "2000-01-01"}'),
    ],
)
def test_database_refuses_a_new_approval(asked, constraint, changes):
    assert refused_by(COPY, [changes]) == constraint


def test_approval_is_of_the_client_of_its_user(asked):
    other = json.dumps({"client_id": str(people.a_client("Another").id)})
    assert refused_by(COPY, [other]) == "approval_is_of_the_users_client"


def test_approval_is_of_the_client_of_its_counterparty(asked):
    other = {"client_id": str(people.a_client("Another").id), "user_id": None}
    other["counterparty_id"] = str(asked.user_id)
    assert refused_by(COPY, [json.dumps(other)]) == "approval_is_of_the_counterpartys_client"


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_approval_is_between_members_of_staff(asked, name):
    person = {"alice": asked.asked_by, "bob": staff.a_member(name="carol")}[name]
    person.is_staff = False
    person.save()
    if name == "alice":
        assert refused_by(COPY, ["{}"]) == "approval_is_between_staff"
    else:
        change = DECIDED.replace("bob", "carol")
        assert refused_by(f"UPDATE users_approval SET {change}") == "approval_is_between_staff"


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("approval_is_never_edited", "payload = payload - 'email'"),
        ("approval_is_never_edited", f"{REFUSED}, payload = payload - 'email'"),
        ("approval_is_never_edited", f"{REFUSED}, payload = {KEPT} - 'roles'"),
        ("approval_is_never_edited", f'{REFUSED}, payload = {KEPT} || \'{{"username": "eve"}}\''),
        ("approval_texts_are_only_erased", f"{REFUSED}, facts = '[]'"),
        ("approval_texts_are_only_erased", f"{REFUSED}, facts = NULL"),
        ("approval_texts_are_only_erased", "facts = facts - 1"),
    ],
)
def test_database_lets_a_decision_forget_names_of_a_new_member_only(
    asker, second, constraint, change
):
    ask(ask_for_member(None, NEW_MEMBER), asker)
    assert refused_by(f"UPDATE users_approval SET {change}") == constraint


def test_decision_about_a_payment_forgets_nothing(asked, second):
    change = f"{REFUSED}, facts = facts - 1"
    assert refused_by(f"UPDATE users_approval SET {change}") == "approval_texts_are_only_erased"


def test_two_approvals_make_two_movements(asked, asker, second, alices):
    made = approve(asked, second).made_id
    other = a_request(alices, 5_00, asker)
    change = f"UPDATE users_approval SET {DECIDED}, made_id = %s WHERE id = %s"
    assert refused_by(change, [made, other.id]) == "approval_makes_one_movement"


# --- Thresholds ----------------------------------------------------------------------------------

INSERT = """
    INSERT INTO users_threshold (kind, currency, version, amount, reason, set_by_id, approval_id)
    VALUES ('CASH_IN', 'EUR', %s, %s, %s, (SELECT min(id) FROM auth_user), %s)
"""


@pytest.mark.parametrize(
    ("constraint", "version", "amount", "reason"),
    [
        ("threshold_version_is_there_once", 1, 5_00, "Less"),
        ("threshold_is_not_negative", 2, -1, "Less"),
        ("threshold_has_a_reason", 2, 5_00, ""),
        ("threshold_versions_have_no_gaps", 3, 5_00, "Less"),
        ("threshold_is_raised_by_two_people", 2, 10_01, "More"),
    ],
)
def test_database_refuses_a_threshold(asker, second, constraint, version, amount, reason):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    assert refused_by(INSERT, [version, amount, reason, None]) == constraint


def test_threshold_needs_an_approval_of_its_own(asker, second, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    used = Threshold.objects.get().approval_id
    name = refused_by(INSERT, [2, 11_00, "More", used])
    assert name.startswith("users_threshold_approval_id")
    waiting = ask(asked_threshold("CASH_IN", "EUR", 12_00), asker)
    assert refused_by(INSERT, [2, 12_00, "More", waiting.id]) == "threshold_is_raised_by_two_people"
    other = a_request(alices, 12_00, asker)
    approve(other, second)
    assert refused_by(INSERT, [2, 12_00, "More", other.id]) == "threshold_is_raised_by_two_people"


def test_version_of_a_threshold_is_never_edited(asker, second):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    for change in ("UPDATE users_threshold SET amount = 1", "DELETE FROM users_threshold"):
        assert refused_by(change) == "threshold_is_never_edited"


def test_every_constraint_of_approvals_is_tested():
    tested = {name for name, _ in BROKEN} | {
        "approval_amount_has_a_currency",
        "approval_expires_after_it_was_asked",
        "approval_has_a_reason",
        "approval_makes_one_movement",
    }
    assert {each.name for each in Approval._meta.constraints} <= tested
    assert {each.name for each in Threshold._meta.constraints} == {
        "threshold_version_is_there_once",
        "threshold_is_not_negative",
        "threshold_has_a_reason",
    }
