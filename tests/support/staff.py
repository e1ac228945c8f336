"""Members of staff, logged in to the back office, by their group."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as Browser

groups = import_module("wallets.migrations.0003_make_groups_of_staff")


VIEWER, OPERATOR, SUPERVISOR = "viewer", "operator", "supervisor"


def somebody(group: str) -> Browser:
    """A member of staff in a group, logged in."""
    groups.make_groups(apps, connection.schema_editor())
    staff = get_user_model().objects.create_user(group, is_staff=True)
    staff.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(staff)
    return browser
