from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations

READ = ("users.view_task",)
WORK = (*READ, "users.add_task", "users.change_task")
GROUPS = {"viewer": READ, "operator": WORK, "reviewer": WORK, "supervisor": WORK}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("users")
    models_module, config.models_module = getattr(config, "models_module", None), True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = models_module
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(*found(apps, alias, GROUPS[group.name]))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found(apps, alias, WORK))


def found(apps: Any, alias: str, names: Sequence[str]) -> list[Any]:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return [
        permissions.get(content_type__app_label=label, codename=codename)
        for label, codename in (name.split(".") for name in names)
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0015_add_tasks"),
        ("wallets", "0014_add_closings"),
    ]

    operations: ClassVar = [
        migrations.RunPython(make_groups, take_back),
    ]
