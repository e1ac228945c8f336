from collections.abc import Sequence
from typing import Any, ClassVar

import django.db.models.deletion
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

READ = ("users.view_task", "wallets.view_dormancynotice")
WORK = (*READ, "users.add_task", "users.change_task")
OPERATE = (*WORK, "wallets.add_dormancynotice")
GROUPS = {"viewer": READ, "operator": OPERATE, "reviewer": WORK, "supervisor": OPERATE}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    for label in ("users", "wallets"):
        config = apps.get_app_config(label)
        models_module, config.models_module = getattr(config, "models_module", None), True
        create_permissions(config, apps=apps, verbosity=0, using=alias)
        config.models_module = models_module
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(*found(apps, alias, GROUPS[group.name]))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found(apps, alias, OPERATE))


def found(apps: Any, alias: str, names: Sequence[str]) -> list[Any]:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return [
        permissions.get(content_type__app_label=label, codename=codename)
        for label, codename in (name.split(".") for name in names)
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0015_add_tasks_and_digests"),
        ("wallets", "0014_add_closings"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="DormancyNotice",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("sent_on", models.DateField(verbose_name="sent on")),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("LETTER", "Letter"),
                            ("EMAIL", "E-mail"),
                            ("PHONE", "Phone call"),
                        ],
                        max_length=6,
                        verbose_name="channel",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "verbose_name": "notice of dormancy",
                "verbose_name_plural": "notices of dormancy",
                "indexes": [
                    models.Index(
                        fields=["wallet", "created_at", "id"], name="dormancy_notice_of_wallet"
                    ),
                    models.Index(fields=["actor", "created_at"], name="dormancy_notice_by_actor"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["LETTER", "EMAIL", "PHONE"])),
                        name="dormancy_notice_channel_is_known",
                    )
                ],
            },
        ),
        Grant("SELECT, INSERT, UPDATE (note)", "wallets_dormancynotice"),
        migrations.RunPython(make_groups, take_back),
    ]
