from collections.abc import Sequence
from typing import Any, ClassVar

import uuid_utils.compat
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

READ = ("wallets.view_bankaccount",)
EDIT = (*READ, "wallets.add_bankaccount", "wallets.change_bankaccount")
GROUPS = {"viewer": READ, "operator": READ, "supervisor": READ, "administrator": EDIT}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("wallets")
    models_module, config.models_module = getattr(config, "models_module", None), True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = models_module
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(*found(apps, alias, GROUPS[group.name]))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found(apps, alias, EDIT))


def found(apps: Any, alias: str, names: Sequence[str]) -> list[Any]:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return [
        permissions.get(content_type__app_label=label, codename=codename)
        for label, codename in (name.split(".") for name in names)
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0021_add_source_of_cash_ins"),
        ("wallets", "0020_let_staff_approve"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="BankAccount",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("iban", models.CharField(max_length=34, verbose_name="IBAN")),
                ("bic", models.CharField(blank=True, max_length=11, verbose_name="BIC")),
                ("holder_name", models.CharField(max_length=70, verbose_name="account holder")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("SAFEGUARDING", "Safeguarding: the money of the wallets"),
                            ("OWN_FUNDS", "Own funds"),
                        ],
                        max_length=12,
                        verbose_name="purpose",
                    ),
                ),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="added"
                    ),
                ),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                (
                    "clients",
                    models.ManyToManyField(
                        blank=True,
                        related_name="bank_accounts",
                        to="users.client",
                        verbose_name="clients",
                    ),
                ),
            ],
            options={
                "verbose_name": "bank account",
                "verbose_name_plural": "bank accounts",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("iban", "currency"), name="bank_account_is_added_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ["SAFEGUARDING", "OWN_FUNDS"])),
                        name="bank_account_purpose_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("holder_name", ""), _negated=True),
                        name="bank_account_has_a_holder",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("iban__regex", "^[A-Z0-9]{15,34}$")),
                        name="bank_account_iban_is_compact",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bic", ""),
                            ("bic__regex", "^[A-Z0-9]{8}([A-Z0-9]{3})?$"),
                            _connector="OR",
                        ),
                        name="bank_account_bic_has_8_or_11_characters",
                    ),
                ],
            },
        ),
        Grant("SELECT, INSERT, UPDATE (bic, holder_name, closed_at)", "wallets_bankaccount"),
        Grant("SELECT, INSERT, DELETE", "wallets_bankaccount_clients"),
        migrations.RunPython(make_groups, take_back),
    ]
