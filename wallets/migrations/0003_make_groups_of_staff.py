from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEWER = (
    "view_client",
    "view_apikey",
    "view_signingkey",
    "view_user",
    "view_event",
    "view_wallet",
    "view_movement",
    "view_hold",
    "view_externalaccount",
    "view_audit",
)
OPERATOR = (
    *VIEWER,
    "add_cash_in",
    "release_hold",
    "send_cash_out",
    "block_user",
    "block_wallet",
    "view_review",
    "view_kycdocument",
    "change_review",
)
SUPERVISOR = (
    *OPERATOR,
    "settle_cash_out",
    "add_movement",
    "adjust_balance",
    "reverse_movement",
    "add_client",
    "change_client",
    "add_apikey",
    "change_apikey",
    "add_signingkey",
    "change_signingkey",
    "view_access",
    "erase_user",
)
GROUPS = {"viewer": VIEWER, "operator": OPERATOR, "supervisor": SUPERVISOR}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    for label in ("users", "wallets"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=alias)
        config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    groups = apps.get_model("auth", "Group").objects.using(alias)
    for name, codenames in GROUPS.items():
        group, _ = groups.get_or_create(name=name)
        found = permissions.filter(
            content_type__app_label__in=("users", "wallets"), codename__in=codenames
        )
        group.permissions.set(found)


def remove_groups(apps: Any, schema_editor: Any) -> None:
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies: ClassVar = [("wallets", "0002_guard_the_ledger")]

    operations: ClassVar = [migrations.RunPython(make_groups, remove_groups)]
