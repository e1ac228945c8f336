"""The roles of staff: what each may do in words, and who may give which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client as Browser
from django.urls import URLResolver, get_resolver
from uuid_utils.compat import uuid7

from iocash import errors
from iocash.settings import BASE_DIR
from tests.support.approvals import post_and_approve
from tests.support.backoffice import page_of
from tests.support.source_code import modules
from tests.support.staff import (
    ADMINISTRATOR,
    OPERATOR,
    REVIEWER,
    ROLES,
    SUPERVISOR,
    VIEWER,
    a_member,
    allow,
    browser_of,
    make_groups,
)
from users.actions import WithActions
from users.authentication import HasScope
from users.models import ApiKey
from users.models.clients import MONEY_SCOPES
from users.staff import roles
from users.staff.permissions import SENTENCES
from users.staff.roles import LABELS, PURPOSES, every_role, give_roles

pytestmark = pytest.mark.django_db

NAME = re.compile(r"(?:perms\.)?((?:auth|axes|users|wallets)\.[a-z]+_[a-z_]+)")


def known() -> set[str]:
    pairs = Permission.objects.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in pairs}


def asked_for() -> Iterator[str]:
    """Every permission that the code names: of pages, menus, actions, views and templates."""
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = NAME.fullmatch(node.value)
                yield found[1] if found else ""
    for template in (BASE_DIR / "templates").rglob("*.html"):
        yield from re.findall(r"perms\.(\w+\.\w+)", template.read_text())
    for model, registered in admin.site._registry.items():
        yield f"{model._meta.app_label}.view_{model._meta.model_name}"
        if isinstance(registered, WithActions):
            yield from (action.permission for action in registered.page_actions)
    yield from asked_for_by_the_api()


def views(patterns: Any) -> Iterator[Any]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif view := getattr(pattern.callback, "cls", None):
            yield view


def asked_for_by_the_api() -> Iterator[str]:
    """What staff need for the calls of the API: as `HasScope` does."""
    for view in views(get_resolver().url_patterns):
        model: Any = getattr(view, "model", None)
        if model is None:
            continue
        for method, declared in view.operations.items():
            action = HasScope.ACTIONS.get(method, "view" if method in HasScope.READS else "delete")
            usual = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
            yield from declared.staff_permissions or (usual,)


@pytest.mark.slow
def test_every_permission_that_is_asked_for_has_a_sentence():
    make_groups()
    asked = set(asked_for()) & known()
    assert {"auth.change_user", "users.give_roles", "wallets.settle_cash_out"} <= asked
    assert asked - SENTENCES.keys() == set()


@pytest.mark.slow
def test_every_sentence_is_of_a_permission_that_exists_and_is_asked_for():
    make_groups()
    assert set(SENTENCES) - known() == set()
    assert set(SENTENCES) - set(asked_for()) == set()


def test_sentences_differ():
    assert len(set(map(str, SENTENCES.values()))) == len(SENTENCES)
    assert all(str(sentence).startswith("Can ") for sentence in SENTENCES.values())


@pytest.mark.slow
def test_every_role_has_a_group_and_a_sentence_for_each_permission():
    make_groups()
    assert [role.name for role in every_role()] == list(ROLES) == list(LABELS) == list(PURPOSES)
    for role in every_role():
        assert role.permissions
        assert role.permissions <= SENTENCES.keys(), role.name
        assert len(role.sentences) == len(role.permissions)


def test_administrator_moves_no_money_and_others_manage_no_staff():
    make_groups()
    held = {role.name: role.permissions for role in every_role()}
    money = re.compile(
        r"wallets\.(?!view_|\w+_bankaccount)|users\.(block|erase|change)_(user|review)"
    )
    assert not [name for name in held[ADMINISTRATOR] if money.match(name)]
    assert not [
        name for name in held[REVIEWER] if name.startswith("wallets.") and money.match(name)
    ]
    changing = {"auth.add_user", "auth.change_user", "auth.delete_user", "users.give_roles"}
    assert {name for name, given in held.items() if given & changing} == {ADMINISTRATOR}
    assert {name for name, given in held.items() if "auth.view_user" in given} == {
        ADMINISTRATOR,
        SUPERVISOR,
    }


@pytest.mark.slow
def test_migration_of_roles_only_adds_permissions():
    make_groups()
    before = {role.name: role.permissions for role in every_role()}
    own = Permission.objects.get(codename="view_otp")
    for name in ROLES:
        Group.objects.get(name=name).permissions.add(own)
    migration = import_module("wallets.migrations.0012_add_roles")
    migration.make_groups(apps, connection.schema_editor())
    assert {role.name: role.permissions for role in every_role()} == {
        name: held | {"users.view_otp"} for name, held in before.items()
    }


# --- Who may give which --------------------------------------------------------------------------


def names_of(member: Any) -> set[str]:
    return set(member.groups.values_list("name", flat=True))


def post_roles(browser: Browser, member: Any, *names: str) -> str:
    address = f"{page_of(member).removesuffix('change/')}action/roles/"
    form = {"key": str(uuid7()), "roles": names}
    return str(browser.post(address, form, follow=True).content.decode())


@pytest.fixture
def chief() -> Any:
    return a_member(ADMINISTRATOR, name="chief")


@pytest.fixture
def colleague() -> Any:
    return a_member(VIEWER, name="colleague")


@pytest.mark.slow
def test_administrator_gives_roles_by_name(chief, colleague):
    browser = browser_of(chief)
    page = browser.get(f"{page_of(colleague).removesuffix('change/')}action/roles/").text
    assert "Reviewer: Decides about identity data" in page
    assert "permission" not in page.partition("<form")[2].partition("</form")[0].lower()
    form = {"key": str(uuid7()), "roles": [OPERATOR, REVIEWER]}
    post_and_approve(browser, f"{page_of(colleague).removesuffix('change/')}action/roles/", form)
    assert names_of(colleague) == {OPERATOR, REVIEWER}
    page = browser.get(page_of(colleague)).text
    assert "Operator" in page
    assert "Can mark payments out as sent to the bank." in page
    assert "Roles changed: viewer → operator, reviewer." in page


@pytest.mark.slow
def test_nobody_changes_their_own_roles(chief, staff):
    assert "do this to yourself" in post_roles(browser_of(chief), chief, SUPERVISOR)
    assert "do this to yourself" in post_roles(browser_of(staff), staff, VIEWER)
    assert names_of(chief) == {ADMINISTRATOR}
    with pytest.raises(errors.PermissionDenied, match="your own roles"):
        give_roles(chief, [SUPERVISOR], by=chief)


@pytest.mark.slow
def test_role_with_more_rights_than_ones_own_is_not_given(colleague):
    giver = allow(a_member(OPERATOR, name="giver"), "auth.view_user", "auth.change_user")
    browser = browser_of(giver)
    page = browser.get(f"{page_of(colleague).removesuffix('change/')}action/roles/").text
    offered = set(re.findall(r'name="roles" value="(\w+)"', page))
    assert offered == {VIEWER, OPERATOR, REVIEWER}
    for role in (SUPERVISOR, ADMINISTRATOR, "unknown"):
        assert "errorlist" in post_roles(browser, colleague, role)
        with pytest.raises(errors.PermissionDenied):
            give_roles(colleague, [role], by=giver)
    assert names_of(colleague) == {VIEWER}
    form = {"key": str(uuid7()), "roles": [OPERATOR]}
    post_and_approve(browser, f"{page_of(colleague).removesuffix('change/')}action/roles/", form)
    assert names_of(colleague) == {OPERATOR}
    assert "Roles of colleague changed." in post_roles(browser, colleague)
    assert names_of(colleague) == set()


@pytest.mark.slow
@pytest.mark.parametrize("is_active", [True, False])
def test_member_with_more_rights_is_not_changed(is_active):
    giver = allow(a_member(OPERATOR, name="giver"), "auth.view_user", "auth.change_user")
    boss = a_member(SUPERVISOR, name="boss")
    boss.is_active = is_active
    boss.save(update_fields=["is_active"])
    assert "have permission to change boss" in post_roles(browser_of(giver), boss, VIEWER)
    assert 'action/roles/"' not in browser_of(giver).get(page_of(boss)).text
    with pytest.raises(errors.PermissionDenied, match="boss"):
        give_roles(boss, [], by=giver)
    assert names_of(boss) == {SUPERVISOR}


@pytest.mark.slow
def test_role_that_a_colleague_has_just_removed_is_not_given_back_by_one_person(
    chief, colleague, monkeypatch
):
    def late(member: Any, names: list[str], **more: Any) -> None:
        """The page has read the roles; then a colleague removes them."""
        give_roles(colleague, [], by=a_member(ADMINISTRATOR, name="other"))
        give_roles(member, names, **more)

    monkeypatch.setattr(roles, "give_roles", late)
    browser = browser_of(chief)
    assert "Somebody else must approve this" in post_roles(browser, colleague, VIEWER)
    assert names_of(colleague) == set()


def test_rights_of_the_giver_are_read_anew(chief, colleague):
    chief.has_perm(roles.GIVE_ROLES)  # remembered by the object
    Group.objects.get(name=ADMINISTRATOR).user_set.remove(chief)
    with pytest.raises(errors.PermissionDenied):
        give_roles(colleague, [SUPERVISOR], by=chief)


def test_roles_need_the_permission_to_change_staff(colleague):
    browser = browser_of(a_member(SUPERVISOR, name="boss"))
    address = f"{page_of(colleague).removesuffix('change/')}action/roles/"
    assert browser.get(page_of(colleague)).status_code == 200
    assert browser.post(address, {"key": str(uuid7()), "roles": [OPERATOR]}).status_code == 403
    assert names_of(colleague) == {VIEWER}


def test_group_of_an_institution_keeps_working_and_is_listed(chief, colleague):
    group = Group.objects.create(name="Night shift")
    group.permissions.add(Permission.objects.get(codename="release_hold"))
    colleague.groups.add(group)
    assert colleague.has_perm("wallets.release_hold")
    page = browser_of(chief).get(page_of(colleague)).text
    assert "Night shift" in page
    assert "Can release holds." in page
    assert [role.name for role in every_role()][-1] == "Night shift"
    page = browser_of(chief).get("/admin/roles/").text
    assert page.index("Administrator") < page.index("Night shift")


def test_pages_have_no_boxes_of_permissions_or_groups(staff, colleague):
    browser = browser_of(staff)
    for address in (page_of(colleague), "/admin/auth/user/add/"):
        page = browser.get(address).text
        for name in ("user_permissions", "is_superuser", 'name="groups"'):
            assert name not in page
    assert browser.get("/admin/auth/group/").status_code == 404


def test_list_of_staff_takes_the_same_statements_for_any_number(
    chief, colleague, django_assert_max_num_queries
):
    browser = browser_of(chief)
    for number in range(5):
        a_member(OPERATOR, REVIEWER, name=f"member{number}")
    with django_assert_max_num_queries(12):
        page = browser.get("/admin/auth/user/").text
    assert page.count("Operator, Reviewer") >= 5
    assert "member3" in browser.get("/admin/auth/user/?role=reviewer").text
    assert "colleague" not in browser.get("/admin/auth/user/?role=reviewer").text


@pytest.mark.parametrize(
    "query",
    ["password__startswith=pbkdf2", "totpdevice__key__startswith=a", "user_permissions=1"],
)
def test_list_of_staff_is_not_filtered_by_secrets(chief, query):
    assert browser_of(chief).get(f"/admin/auth/user/?{query}").status_code in {302, 400}


# --- Keys that create money ----------------------------------------------------------------------


def issue(browser: Browser, client: Any, *scopes: str) -> str:
    form = {"key": str(uuid7()), "label": "Shop", "scopes": scopes}
    address = f"{page_of(client).removesuffix('change/')}action/issue-key/"
    return str(browser.post(address, form).content.decode())


@pytest.mark.slow
@pytest.mark.parametrize("role", [ADMINISTRATOR, SUPERVISOR])
def test_money_key_is_issued_by_one_person_to_none(role, client_demo):
    browser = browser_of(a_member(role))
    assert "key is shown only once" in issue(browser, client_demo, "wallets:write")
    for scope in MONEY_SCOPES:
        assert "errorlist" in issue(browser, client_demo, scope)
    assert ApiKey.objects.get().scopes == ["wallets:write"]


@pytest.mark.parametrize("role", [ADMINISTRATOR, SUPERVISOR])
def test_money_key_is_rotated_without_its_scope(role, api):
    key = ApiKey.objects.get()
    address = f"{page_of(key).removesuffix('change/')}action/rotate/"
    answer = browser_of(a_member(role)).post(address, {"key": str(uuid7())}, follow=True)
    assert "key is shown only once" in answer.text
    assert "cash-in:write" not in ApiKey.objects.exclude(pk=key.pk).get().scopes
