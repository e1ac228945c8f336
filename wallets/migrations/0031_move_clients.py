"""Moves of clients to other groups, and what keeps the rows of such a client unchanged.

The guards are those of the migration of `users`. What posting writes has events, which are guarded:
movements, holds and wallets only where their texts are erased or changed.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

earlier = import_module("users.migrations.0027_keep_moved_clients_unchanged")

GUARDED = {
    "wallets_externalaccount": (earlier.ALWAYS, ""),
    "wallets_scheduledoperation": (earlier.ALWAYS, ""),
    "wallets_scheduledrun": (earlier.ALWAYS, ""),
    "wallets_closing": (earlier.ALWAYS, ""),
    "wallets_statementfile": (earlier.ALWAYS, ""),
    "wallets_unexplainedmovement": (earlier.ALWAYS, ""),
    "wallets_bankaccount_clients": (earlier.ALWAYS, ""),
    "wallets_bankpayment": (earlier.ALWAYS, ""),
    "wallets_bankoutcome": (earlier.ALWAYS, ""),
    "wallets_wallet": ("UPDATE OF alias, dlt_address, dlt_network, metadata OR DELETE", ""),
    "wallets_movement": ("UPDATE OF concept, iban, metadata, salt OR DELETE", ""),
    "wallets_hold": ("UPDATE OF concept, metadata, salt OR DELETE", ""),
    "wallets_closingpayment": (
        earlier.ALWAYS,
        "SELECT client_id FROM wallets_closing WHERE id = ($1).closing_id",
    ),
    "wallets_dormancynotice": (
        earlier.ALWAYS,
        "SELECT client_id FROM wallets_wallet WHERE id = ($1).wallet_id",
    ),
}


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0027_keep_moved_clients_unchanged"),
        ("wallets", "0030_separate_account_numbers"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(earlier.guards(GUARDED), earlier.no_guards(GUARDED)),
        migrations.CreateModel(
            name="ClientMove",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "subject_id",
                    models.UUIDField(help_text="The client. It has no row in a group it has left."),
                ),
                ("name", models.CharField(help_text="The name of the client.", max_length=100)),
                ("way", models.CharField(choices=[("OUT", "Out"), ("IN", "In")], max_length=3)),
                ("other_group", models.CharField(max_length=16)),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("COPYING", "Copying"),
                            ("FROZEN", "Frozen"),
                            ("DONE", "Done"),
                            ("BACK", "Back"),
                            ("PURGED", "Purged"),
                        ],
                        default="COPYING",
                        max_length=7,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        help_text="The status of the client, before and afterwards.", max_length=10
                    ),
                ),
                ("run", models.BigIntegerField(db_default=1)),
                (
                    "is_hidden",
                    models.BooleanField(
                        db_default=False,
                        help_text="The rows are not complete here: audits leave them out.",
                    ),
                ),
                ("progress", models.JSONField(help_text="What has been copied.", null=True)),
                (
                    "wallets",
                    models.JSONField(
                        help_text="Of what was purged: the ids of the wallets, for older anchors.",
                        null=True,
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=iocash.db.clock.Now())),
                ("frozen_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "move of a client",
                "verbose_name_plural": "moves of clients",
                "indexes": [models.Index(fields=["subject_id"], name="client_move_of_client")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("stage__in", ["COPYING", "FROZEN"])),
                        fields=("subject_id",),
                        name="client_is_moved_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("way", "OUT"),
                            models.Q(("stage__in", ["COPYING", "DONE", "BACK"]), ("way", "IN")),
                            _connector="OR",
                        ),
                        name="client_move_has_a_stage_of_its_way",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("stage", "DONE"), _negated=True),
                            ("way", "OUT"),
                            ("is_hidden", False),
                            _connector="OR",
                        ),
                        name="client_move_shows_what_has_arrived",
                    ),
                ],
            },
        ),
        Grant("SELECT", "wallets_clientmove"),
    ]
