from typing import Any, ClassVar

from django.contrib.auth.management import create_permissions
from django.db import migrations

READ = (
    "users.view_client",
    "users.view_apikey",
    "users.view_signingkey",
    "users.view_user",
    "users.view_event",
    "users.view_identityverification",
    "users.view_terms",
    "users.view_termssignature",
    "wallets.view_wallet",
    "wallets.view_movement",
    "wallets.view_hold",
    "wallets.view_externalaccount",
    "wallets.view_audit",
)
ADDED = {
    "reviewer": (
        *READ,
        "users.view_review",
        "users.view_kycdocument",
        "users.change_review",
    ),
    "supervisor": ("auth.view_user",),
    "administrator": (
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.delete_user",
        "users.give_roles",
        "users.view_client",
        "users.add_client",
        "users.change_client",
        "users.view_apikey",
        "users.add_apikey",
        "users.change_apikey",
        "users.view_signingkey",
        "users.add_signingkey",
        "users.change_signingkey",
        "users.view_event",
        "users.view_terms",
        "wallets.view_audit",
    ),
}
NEW = ("reviewer", "administrator")


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    for label in ("auth", "users", "wallets"):
        config = apps.get_app_config(label)
        models_module, config.models_module = getattr(config, "models_module", None), True
        create_permissions(config, apps=apps, verbosity=0, using=alias)
        config.models_module = models_module
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    groups = apps.get_model("auth", "Group").objects.using(alias)
    for name, added in ADDED.items():
        group, _ = groups.get_or_create(name=name)
        group.permissions.add(*(found(permissions, each) for each in added))


def rename_groups(apps: Any, schema_editor: Any) -> None:
    """Groups of these names that are there already keep what they allow, under another name."""
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for group in groups.filter(name__in=NEW):
        group.name = f"{group.name} (before)"
        group.save(update_fields=["name"])


def found(permissions: Any, name: str) -> Any:
    label, codename = name.split(".")
    return permissions.get(content_type__app_label=label, codename=codename)


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(alias)
    groups.filter(name__in=NEW).delete()
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    for name in set(ADDED) - set(NEW):
        for group in groups.filter(name=name):
            group.permissions.remove(*(found(permissions, each) for each in ADDED[name]))


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0011_index_sums_and_expiring_holds"),
        ("users", "0012_add_recovery_codes"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations: ClassVar = [
        migrations.RunPython(rename_groups, migrations.RunPython.noop),
        migrations.RunPython(make_groups, take_back),
    ]
