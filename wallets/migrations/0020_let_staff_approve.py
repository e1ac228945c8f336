from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEE = ("view_approval", "view_threshold")
DECIDE = (*SEE, "change_approval")
GROUPS = {
    "viewer": SEE,
    "operator": SEE,
    "reviewer": SEE,
    "supervisor": (*DECIDE, "change_threshold"),
    "administrator": DECIDE,
}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("users")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    groups = apps.get_model("auth", "Group").objects.using(alias)
    for name, codenames in GROUPS.items():
        found = permissions.filter(content_type__app_label="users", codename__in=codenames)
        for group in groups.filter(name=name):
            group.permissions.add(*found)


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    names = {codename for codenames in GROUPS.values() for codename in codenames}
    found = permissions.filter(content_type__app_label="users", codename__in=names)
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0019_add_statement_files"),
        ("users", "0020_add_approvals"),
    ]

    operations: ClassVar = [migrations.RunPython(make_groups, take_back)]
