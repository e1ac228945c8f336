"""What each role may open and do in the back office: one table, for pages, lists and actions.

The table repeats on purpose what the migrations give. A page or an action that is not in it fails
`test_every_page_list_and_action_is_in_the_table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.urls import reverse
from uuid_utils.compat import uuid7

from tests.support import bank_files, people
from tests.support.approvals import a_request
from tests.support.bank_rows import bank_rows
from tests.support.cash_outs import a_cash_out
from tests.support.ibans import IBAN
from tests.support.kyc import send_one
from tests.support.schedules import scheduled
from tests.support.signed_tokens import PRIVATE, pem
from tests.support.staff import (
    ADMINISTRATOR,
    OPERATOR,
    REVIEWER,
    ROLES,
    SUPERVISOR,
    VIEWER,
    a_member,
    browser_of,
)
from tests.support.tasks import a_task
from tests.support.webhooks import a_failed_delivery, an_attempt, an_endpoint
from users import pages
from users.actions import WithActions
from users.kyc import Kind
from users.models import ApiKey, Case, Event, Review, SigningKey
from wallets.models import Closing, Movement

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOBODY: Final[frozenset[str]] = frozenset()
EVERYBODY: Final = frozenset(ROLES)
MONEY_READERS: Final = frozenset({VIEWER, OPERATOR, REVIEWER, SUPERVISOR})
LINE_READERS: Final = frozenset({VIEWER, OPERATOR, SUPERVISOR, ADMINISTRATOR})
OPERATORS: Final = frozenset({OPERATOR, SUPERVISOR})
REVIEWERS: Final = frozenset({OPERATOR, REVIEWER, SUPERVISOR})
SUPERVISORS: Final = frozenset({SUPERVISOR})
KEEPERS: Final = frozenset({SUPERVISOR, ADMINISTRATOR})
ADMINISTRATORS: Final = frozenset({ADMINISTRATOR})
BANK_READERS: Final = frozenset({VIEWER, OPERATOR, SUPERVISOR})

LISTS: Final = {
    "auth.user": KEEPERS,
    "users.access": SUPERVISORS,
    "users.apikey": EVERYBODY,
    "users.approval": EVERYBODY,
    "users.case": MONEY_READERS,
    "users.client": EVERYBODY,
    "users.event": EVERYBODY,
    "users.identityverification": MONEY_READERS,
    "users.note": MONEY_READERS,
    "users.otp": NOBODY,
    "users.rejectionreason": REVIEWERS,
    "users.review": REVIEWERS,
    "users.reviewassignment": REVIEWERS,
    "users.signingkey": EVERYBODY,
    "users.task": MONEY_READERS,
    "users.terms": EVERYBODY,
    "users.termssignature": MONEY_READERS,
    "users.user": MONEY_READERS,
    "users.webhookattempt": EVERYBODY,
    "users.webhookdelivery": EVERYBODY,
    "users.webhookendpoint": EVERYBODY,
    "wallets.audit": EVERYBODY,
    "wallets.bankaccount": BANK_READERS | ADMINISTRATORS,
    "wallets.bankfile": BANK_READERS,
    "wallets.closing": MONEY_READERS,
    "wallets.externalaccount": MONEY_READERS,
    "wallets.bankdecision": LINE_READERS,
    "wallets.bankline": LINE_READERS,
    "wallets.bankstatement": LINE_READERS,
    "wallets.bankupload": LINE_READERS,
    "wallets.safeguardingreport": LINE_READERS,
    "wallets.hold": MONEY_READERS,
    "wallets.movement": MONEY_READERS,
    "wallets.scheduledoperation": MONEY_READERS,
    "wallets.scheduledrun": MONEY_READERS,
    "wallets.wallet": MONEY_READERS,
}
"""Who may see the list and the pages of each model."""

ADDING: Final = {
    "auth.user": ADMINISTRATORS,
    "users.case": REVIEWERS,
    "users.client": KEEPERS,
    "users.rejectionreason": SUPERVISORS,
    "users.task": REVIEWERS,
    "wallets.bankaccount": ADMINISTRATORS,
    "wallets.movement": OPERATORS,
}
"""Who may add; others have no page to add."""

DELETING: Final = {"auth.user": ADMINISTRATORS}

ACTIONS: Final = {
    "auth.user/activate": ADMINISTRATORS,
    "auth.user/deactivate": ADMINISTRATORS,
    "auth.user/log-out": ADMINISTRATORS,
    "auth.user/names": ADMINISTRATORS,
    "auth.user/password-link": ADMINISTRATORS,
    "auth.user/reset-second-factor": ADMINISTRATORS,
    "auth.user/roles": ADMINISTRATORS,
    "auth.user/single-permissions": ADMINISTRATORS,
    "users.apikey/grant-scopes": OPERATORS,
    "users.apikey/revoke": KEEPERS,
    "users.apikey/rotate": KEEPERS,
    "users.approval/approve": KEEPERS,
    "users.approval/refuse": KEEPERS,
    "users.approval/withdraw": EVERYBODY,
    "users.case/add-note": REVIEWERS,
    "users.case/close": REVIEWERS,
    "users.case/concern": REVIEWERS,
    "users.case/due": REVIEWERS,
    "users.case/freeze": SUPERVISORS,
    "users.case/owner": REVIEWERS,
    "users.case/reopen": REVIEWERS,
    "users.client/activate": KEEPERS,
    "users.client/cash-ins": KEEPERS,
    "users.client/contact": KEEPERS,
    "users.client/issue-key": KEEPERS,
    "users.client/register-key": KEEPERS,
    "users.client/suspend": KEEPERS,
    "users.review/approve": REVIEWERS,
    "users.review/assign": REVIEWERS,
    "users.review/reject": REVIEWERS,
    "users.signingkey/grant-scopes": OPERATORS,
    "users.signingkey/revoke": KEEPERS,
    "users.task/assign": REVIEWERS,
    "users.task/done": REVIEWERS,
    "users.task/due": REVIEWERS,
    "users.task/reopen": REVIEWERS,
    "users.task/take": REVIEWERS,
    "users.user/add-note": REVIEWERS,
    "users.user/add-task": REVIEWERS,
    "users.user/block": OPERATORS,
    "users.user/erase": SUPERVISORS,
    "users.user/export": SUPERVISORS,
    "users.user/open-case": REVIEWERS,
    "users.user/pay-out": SUPERVISORS,
    "users.user/unblock": OPERATORS,
    "users.webhookattempt/resend": KEEPERS,
    "users.webhookdelivery/resend": KEEPERS,
    "users.webhookendpoint/disable": KEEPERS,
    "users.webhookendpoint/enable": KEEPERS,
    "users.webhookendpoint/ping": KEEPERS,
    "users.webhookendpoint/replay": KEEPERS,
    "wallets.bankaccount/change": ADMINISTRATORS,
    "wallets.bankaccount/close": ADMINISTRATORS,
    "wallets.bankfile/approve": SUPERVISORS,
    "wallets.bankfile/discard": OPERATORS,
    "wallets.bankfile/take-back": SUPERVISORS,
    "wallets.bankupload/refuse": SUPERVISORS,
    "wallets.bankupload/release": SUPERVISORS,
    "wallets.bankdecision/approve": SUPERVISORS,
    "wallets.bankdecision/refuse": SUPERVISORS,
    "wallets.bankline/assign": OPERATORS,
    "wallets.bankline/return": OPERATORS,
    "wallets.bankline/same": OPERATORS,
    "wallets.bankline/set-apart": OPERATORS,
    "wallets.bankline/split": OPERATORS,
    "wallets.safeguardingreport/csv": LINE_READERS,
    "wallets.safeguardingreport/json": LINE_READERS,
    "wallets.safeguardingreport/pdf": LINE_READERS,
    "wallets.safeguardingreport/sign": SUPERVISORS,
    "wallets.closing/again": SUPERVISORS,
    "wallets.closing/finish": SUPERVISORS,
    "wallets.closing/stop": SUPERVISORS,
    "wallets.hold/lift": SUPERVISORS,
    "wallets.hold/release": OPERATORS,
    "wallets.movement/add-note": REVIEWERS,
    "wallets.movement/add-task": REVIEWERS,
    "wallets.movement/end-rejected": SUPERVISORS,
    "wallets.movement/end-settled": SUPERVISORS,
    "wallets.movement/open-case": REVIEWERS,
    "wallets.movement/reject": SUPERVISORS,
    "wallets.movement/reverse": SUPERVISORS,
    "wallets.movement/send": OPERATORS,
    "wallets.movement/set-apart": OPERATORS,
    "wallets.movement/settle": SUPERVISORS,
    "wallets.wallet/add-movement": OPERATORS,
    "wallets.wallet/add-note": REVIEWERS,
    "wallets.wallet/add-task": REVIEWERS,
    "wallets.wallet/notice": OPERATORS,
    "wallets.wallet/open-case": REVIEWERS,
    "wallets.scheduledoperation/cancel": OPERATORS,
    "wallets.scheduledoperation/pause": OPERATORS,
    "wallets.scheduledoperation/resume": OPERATORS,
    "wallets.wallet/block": OPERATORS,
    "wallets.wallet/freeze": SUPERVISORS,
    "wallets.wallet/statement": MONEY_READERS,
    "wallets.wallet/unblock": OPERATORS,
}
"""Who may take each action of the page of a model."""

PAGES: Final = {
    "account": EVERYBODY,
    "bank-report-import": SUPERVISORS,
    "bank-import": OPERATORS,
    "duties": EVERYBODY,
    "approvals": EVERYBODY,
    "dormant_wallets": MONEY_READERS,
    "export": MONEY_READERS,
    "failed-log-ins": KEEPERS,
    "log-out-everywhere": EVERYBODY,
    "payments-out": MONEY_READERS,
    "roles": KEEPERS,
    "search": EVERYBODY,
    "staff-activity": KEEPERS,
    "statement-file": MONEY_READERS,
    "thresholds": EVERYBODY,
}
"""Who may open each page of our own: the export is that of users."""
POSTED: Final = {
    "bank-file-build": OPERATORS,
    "bank-file-download": OPERATORS,
    "approvals-confirm": KEEPERS,
    "approvals-decide": KEEPERS,
    "payments-out-action": MONEY_READERS,
    "payments-out-confirm": MONEY_READERS,
}
"""Who may post to each page that is not opened; what a post does needs its own permission."""
OWN_SECOND_FACTOR: Final = frozenset({"recovery-codes", "replace-second-factor"})
"""Pages for those who have verified their second factor; see `test_recovery_codes.py`."""


@pytest.fixture
def rows(alices: Any, bobs: Any, client_demo: Any, api: Any) -> dict[str, Any]:
    """A row of each model that has actions."""
    people.transfer(alices, bobs, 2_00)
    send_one(alices.user, Kind.OCCUPATION)
    key = SigningKey.objects.create(
        client=client_demo, label="Shop", kid="demo-1", scopes=[], public_key=pem(PRIVATE)
    )
    endpoint, event = an_endpoint(client_demo), Event.objects.latest("position")
    file = bank_files.a_file(alices)
    return {
        "auth.user": get_user_model().objects.create_user("colleague", is_staff=True),
        "users.apikey": people_key(client_demo),
        "users.approval": a_request(alices, 1_00, a_member(SUPERVISOR, name="asker")),
        "users.case": Case.objects.create(
            key=uuid7(), kind="COMPLAINT", title="Late", due_on="2999-01-01", actor="staff:1"
        ),
        "users.client": client_demo,
        "users.review": Review.objects.get(pk=alices.user_id),
        "users.signingkey": key,
        "users.task": a_task(alices.user),
        "users.user": alices.user,
        "users.webhookattempt": an_attempt(endpoint, event.id),
        "users.webhookdelivery": a_failed_delivery(endpoint, event),
        "users.webhookendpoint": endpoint,
        "wallets.bankaccount": file.account,
        "wallets.bankfile": file,
        "wallets.closing": Closing.objects.create(
            client=client_demo, user=alices.user, iban=IBAN, actor="staff:1"
        ),
        **bank_rows(client_demo),
        "wallets.hold": people.place(alices, bobs, 1_00),
        "wallets.movement": Movement.objects.get(pk=a_cash_out(alices, 30_00).pk),
        "wallets.scheduledoperation": scheduled(alices, bobs),
        "wallets.wallet": alices,
    }


def people_key(client: Any) -> ApiKey:
    """A key to which the scope that creates money can be granted."""
    return ApiKey.issue(client=client, label="Server", scopes=["users:read"])[0]


def url_of(label: str, page: str, *args: Any) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=args)


def actions() -> Iterator[str]:
    for model, registered in admin.site._registry.items():
        if isinstance(registered, WithActions):
            yield from (
                f"{model._meta.label_lower}/{each.name}" for each in registered.page_actions
            )


def own_pages() -> set[str]:
    """The pages of our own, without those of the manual."""
    return {name for name in pages.OWN.registered if not name.startswith("help")}


def test_every_page_list_and_action_is_in_the_table():
    assert {model._meta.label_lower for model in admin.site._registry} == LISTS.keys()
    assert set(actions()) == ACTIONS.keys()
    assert own_pages() == PAGES.keys() | POSTED.keys() | OWN_SECOND_FACTOR


@pytest.mark.parametrize("role", ROLES)
def test_role_opens_exactly_its_lists(role):
    browser = browser_of(a_member(role))
    statuses = {label: browser.get(url_of(label, "changelist")).status_code for label in LISTS}
    assert statuses == {label: 200 if role in may else 403 for label, may in LISTS.items()}


@pytest.mark.parametrize("role", ROLES)
def test_role_opens_exactly_the_pages_of_its_rows(role, rows):
    browser = browser_of(a_member(role))
    for label, row in rows.items():
        status = browser.get(url_of(label, "change", row.pk)).status_code
        expected = 200 if role in LISTS[label] else 403
        if (label, role) == ("users.approval", ADMINISTRATOR):
            expected = 302  # it is about a customer, whom administrators don't see
        assert status == expected, label
        assert browser.post(url_of(label, "change", row.pk), {"_save": "Save"}).status_code == 403


@pytest.mark.parametrize("role", ROLES)
def test_role_adds_and_deletes_by_its_permissions(role, rows):
    browser = browser_of(a_member(role))
    adding = {label: browser.get(url_of(label, "add")).status_code for label in LISTS}
    assert adding == {label: 200 if role in ADDING.get(label, NOBODY) else 403 for label in LISTS}
    deleting = {
        label: browser.get(url_of(label, "delete", row.pk)).status_code
        for label, row in rows.items()
    }
    assert deleting == {
        label: 200 if role in DELETING.get(label, NOBODY) else 403 for label in rows
    }
    for label, row in rows.items():
        if role not in DELETING.get(label, NOBODY):
            browser.post(url_of(label, "delete", row.pk), {"post": "yes"})
        assert type(row)._default_manager.filter(pk=row.pk).exists(), label


@pytest.mark.parametrize("role", ROLES)
def test_role_opens_exactly_its_own_pages(role):
    member, other = a_member(role), a_member(VIEWER, name="other")
    browser = browser_of(member)
    args = {"staff-activity": [other.pk], "export": ["users", "user"]}
    args["statement-file"] = [uuid7()]
    statuses = {
        name: browser.get(reverse(f"admin:{name}", args=args.get(name, []))).status_code
        for name in PAGES
    }
    opened = dict.fromkeys(PAGES, 200) | {"statement-file": 404}
    assert statuses == {name: opened[name] if role in may else 403 for name, may in PAGES.items()}
    args = {"bank-file-download": [people.unknown_id()]}
    posted = {
        name: browser.post(reverse(f"admin:{name}", args=args.get(name, []))).status_code
        for name in POSTED
    }
    for name, may in POSTED.items():
        assert (posted[name] == 403) is (role not in may), name


@pytest.mark.ci
@pytest.mark.parametrize("role", ROLES)
def test_role_takes_exactly_its_actions(role, rows):
    """Whoever may not gets 403 to the form and to a post, and nothing is recorded. Takes 10 s."""
    browser = browser_of(a_member(role))
    events, entries = Event.objects.count(), LogEntry.objects.count()
    for action, may in ACTIONS.items():
        label, name = action.split("/")
        address = url_of(label, "action", rows[label].pk, name)
        expected = 200 if role in may else 403
        if label == "users.approval" and role == ADMINISTRATOR:
            expected = 404  # the request is about a customer
        assert browser.get(address).status_code == expected, action
        assert browser.post(address, {}).status_code == expected, action  # without a key
        if role not in may:
            assert browser.post(address, {"key": str(uuid7())}).status_code == 403, action
    assert (Event.objects.count(), LogEntry.objects.count()) == (events, entries)


def test_nobody_without_a_log_in_opens_anything(rows):
    browser = Browser()
    addresses = [url_of(label, "changelist") for label in LISTS]
    addresses += [url_of(label, "change", row.pk) for label, row in rows.items()]
    addresses += [
        url_of(action.split("/")[0], "action", rows[action.split("/")[0]].pk, action.split("/")[1])
        for action in ACTIONS
    ]
    for address in addresses:
        for send in (browser.get, browser.post):
            answer = send(address)
            assert answer.status_code == 302, address
            assert answer.headers["Location"].startswith("/admin/login/")
