"""Let supervisors export everything that is kept about a user."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLE, CODENAME = "supervisor", "export_user"


def let_supervisors_export(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("users")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = None
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name=ROLE):
        group.permissions.add(permission(apps, alias))


def let_them_no_more(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name=ROLE):
        group.permissions.remove(permission(apps, alias))


def permission(apps: Any, alias: str) -> Any:
    known = apps.get_model("auth", "Permission").objects.using(alias)
    return known.get(content_type__app_label="users", codename=CODENAME)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0028_prove_audits_step_by_step"),
        ("users", "0024_let_users_be_exported"),
    ]

    operations: ClassVar = [migrations.RunPython(let_supervisors_export, let_them_no_more)]
