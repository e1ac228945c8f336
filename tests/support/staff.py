"""Members of staff, logged in to the back office, by their group."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as Browser

from wallets import migrations

VIEWER, OPERATOR, SUPERVISOR = "viewer", "operator", "supervisor"


def make_groups() -> None:
    """Make the groups as the migrations do: by the function `make_groups` of each that has one."""
    for name in sorted(each.name for each in iter_modules(migrations.__path__)):
        module = import_module(f"{migrations.__name__}.{name}")
        if hasattr(module, "make_groups"):
            module.make_groups(apps, connection.schema_editor())


def somebody(group: str) -> Browser:
    """A member of staff in a group, logged in."""
    make_groups()
    staff = get_user_model().objects.create_user(group, is_staff=True)
    staff.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(staff)
    return browser
