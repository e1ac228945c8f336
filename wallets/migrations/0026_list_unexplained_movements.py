from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from iocash.db.grants import Grant

LISTED = """
CREATE FUNCTION unexplained_movement_is_listed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.movement_id = OLD.movement_id
    ) THEN
        RAISE EXCEPTION 'no bank line explains this movement' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'unexplained_movement_is_listed';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER unexplained_movement_is_listed
    BEFORE DELETE ON wallets_unexplainedmovement
    FOR EACH ROW EXECUTE FUNCTION unexplained_movement_is_listed();
"""
NOT_LISTED = """
DROP TRIGGER unexplained_movement_is_listed ON wallets_unexplainedmovement;
DROP FUNCTION unexplained_movement_is_listed();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0021_add_source_of_cash_ins"),
        ("wallets", "0025_end_movements_and_files"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="UnexplainedMovement",
            fields=[
                (
                    "movement",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="wallets.movement",
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("type", models.CharField(max_length=10)),
                ("amount", models.BigIntegerField()),
                ("settled_at", models.DateTimeField()),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["client", "currency", "settled_at"], name="unexplained_of_client"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="safeguardingreport",
            name="swept_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="safeguardingreport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("swept_until", None),
                    ("swept_until__lte", models.F("created_at")),
                    _connector="OR",
                ),
                name="safeguarding_sweeps_the_past",
            ),
        ),
        migrations.AddIndex(
            model_name="bankline",
            index=models.Index(
                condition=models.Q(("confirmed_by__isnull", False), ("parent__isnull", True)),
                fields=["account"],
                include=("sign", "amount"),
                name="bank_line_sums",
            ),
        ),
        migrations.AddIndex(
            model_name="bankline",
            index=models.Index(
                condition=models.Q(("confirmed_by__isnull", True), ("parent__isnull", True)),
                fields=["account", "booking_date"],
                name="bank_line_unconfirmed",
            ),
        ),
        migrations.RunSQL(LISTED, NOT_LISTED),
        Grant("SELECT, INSERT, DELETE", "wallets_unexplainedmovement"),
    ]
