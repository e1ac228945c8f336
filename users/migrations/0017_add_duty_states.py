from typing import ClassVar

from django.db import migrations, models

from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0016_release_events"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="DutyState",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("last_run_at", models.DateTimeField(null=True)),
                ("last_success_at", models.DateTimeField(null=True)),
                ("last_failure_at", models.DateTimeField(null=True)),
                (
                    "last_failure",
                    models.CharField(
                        db_default="", help_text="Class of the error.", max_length=100
                    ),
                ),
                ("done", models.BigIntegerField(db_default=0, help_text="Things done, in total.")),
                (
                    "failures",
                    models.BigIntegerField(db_default=0, help_text="Failed runs, in total."),
                ),
                (
                    "seconds",
                    models.FloatField(db_default=0.0, help_text="Time spent, in total."),
                ),
                (
                    "next_due_at",
                    models.DateTimeField(help_text="Of a duty with periods.", null=True),
                ),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease", None), ("lease_until", None)),
                            models.Q(("lease__isnull", False), ("lease_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="duty_lease_has_an_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("done__gte", 0), ("failures__gte", 0), ("seconds__gte", 0)
                        ),
                        name="duty_numbers_are_not_negative",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("erased_at", None), ("kyc_until__isnull", False)),
                fields=["kyc_until", "id"],
                name="user_lapsing",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("erased_at", None), ("status", "UNSUBSCRIBED")),
                fields=["unsubscribed_at", "id"],
                name="user_to_erase",
            ),
        ),
        migrations.AddField(
            model_name="otp",
            name="sealed",
            field=models.BinaryField(max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="otp",
            name="next_try_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="otp",
            name="attempts",
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.AddConstraint(
            model_name="otp",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_try_at", None), ("sealed", None)),
                    models.Q(
                        ("digest__isnull", False),
                        ("next_try_at__isnull", False),
                        ("sealed__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="otp_to_deliver_is_right",
            ),
        ),
        migrations.AddIndex(
            model_name="otp",
            index=models.Index(
                condition=models.Q(("sealed__isnull", False)),
                fields=["next_try_at"],
                name="otp_to_deliver",
            ),
        ),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (about, attempts, digest, expires_at, next_try_at,"
            " sealed, sent_at, tries)",
            "users_otp",
        ),
        Grant(
            "SELECT, INSERT, UPDATE (last_run_at, last_success_at, last_failure_at, last_failure,"
            " done, failures, seconds, next_due_at, lease, lease_until)",
            "users_dutystate",
        ),
    ]
