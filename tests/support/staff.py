"""Members of staff, logged in to the back office, by their role."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client as Browser

from wallets import migrations

VIEWER, OPERATOR, SUPERVISOR = "viewer", "operator", "supervisor"
REVIEWER, ADMINISTRATOR = "reviewer", "administrator"
ROLES = (VIEWER, OPERATOR, REVIEWER, SUPERVISOR, ADMINISTRATOR)


def make_groups() -> None:
    """Make the groups as the migrations do: by the function `make_groups` of each that has one.

    Migrations get apps of their own; from these here they would take the models' modules away.
    """
    modules = {config: config.models_module for config in apps.get_app_configs()}
    for name in sorted(each.name for each in iter_modules(migrations.__path__)):
        module = import_module(f"{migrations.__name__}.{name}")
        if hasattr(module, "make_groups"):
            module.make_groups(apps, connection.schema_editor())
    for config, models_module in modules.items():
        config.models_module = models_module


def a_member(*roles: str, name: str = "") -> Any:
    """A member of staff with these roles."""
    if not Group.objects.exists():  # a test that commits has emptied the tables
        make_groups()
    member = get_user_model().objects.create_user(name or "-".join(roles), is_staff=True)
    member.groups.set(Group.objects.filter(name__in=roles))
    return member


def allow(member: Any, *permissions: str) -> Any:
    """Give a member of staff single permissions, like `auth.change_user`."""
    for permission in permissions:
        app, codename = permission.split(".")
        found = Permission.objects.get(content_type__app_label=app, codename=codename)
        member.user_permissions.add(found)
    return member


def browser_of(member: Any) -> Browser:
    browser = Browser()
    browser.force_login(member)
    return browser


def somebody(group: str) -> Browser:
    """A member of staff in a group, logged in."""
    return browser_of(a_member(group))
