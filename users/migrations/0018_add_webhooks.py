from typing import Any, ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid_utils.compat
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import iocash.db.clock
import users.models.versions
from iocash.db.grants import Grant

READ = ("view_webhookendpoint", "view_webhookdelivery", "view_webhookattempt")
EDIT = (*READ, "change_webhookendpoint")
GROUPS = {
    "viewer": READ,
    "operator": READ,
    "reviewer": READ,
    "supervisor": EDIT,
    "administrator": EDIT,
}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """Django makes permissions only after all migrations, so they are made here first."""
    alias = schema_editor.connection.alias
    config = apps.get_app_config("users")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    config.models_module = None
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(*found(apps, alias, GROUPS[group.name]))


def take_back(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.remove(*found(apps, alias, EDIT))


def found(apps: Any, alias: str, names: tuple[str, ...]) -> Any:
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    return permissions.filter(content_type__app_label="users", codename__in=names)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0017_add_duty_states"),
        ("wallets", "0015_add_dormancy_notices"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="client",
            name="contact",
            field=models.EmailField(
                blank=True, db_default="", help_text="Gets mails about webhooks.", max_length=254
            ),
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
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
                ("url", models.CharField(max_length=500, verbose_name="URL")),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), size=None
                    ),
                ),
                (
                    "ordering",
                    models.CharField(
                        choices=[("WALLET", "Wallet"), ("NONE", "None")],
                        default="WALLET",
                        max_length=10,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=140)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("ENABLED", "Enabled"),
                            ("DISABLED", "Disabled"),
                        ],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("CLIENT", "Client"),
                            ("STAFF", "Staff"),
                            ("GONE", "Gone"),
                            ("FAILING", "Failing"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "secrets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        help_text="The first is the newest.",
                        size=None,
                    ),
                ),
                (
                    "secrets_until",
                    models.DateTimeField(help_text="Until then all secrets sign.", null=True),
                ),
                ("verified_at", models.DateTimeField(null=True)),
                ("ping_id", models.UUIDField(help_text="A ping that is to be sent.", null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(db_default=0)),
                (
                    "paused_until",
                    models.DateTimeField(help_text="The receiver asked for a pause.", null=True),
                ),
                ("mail_due", models.BooleanField(db_default=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.CreationTime(), editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook endpoint",
                "verbose_name_plural": "webhook endpoints",
            },
            bases=(users.models.versions.Versioned, models.Model),
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
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
                ("event_id", models.UUIDField()),
                ("kind", models.CharField(max_length=40)),
                ("number", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField()),
                ("milliseconds", models.PositiveIntegerField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("failure", models.CharField(blank=True, max_length=20)),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("answer", models.CharField(blank=True, max_length=1000)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="users.webhookendpoint",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook attempt",
                "verbose_name_plural": "webhook attempts",
            },
        ),
        migrations.CreateModel(
            name="WebhookStream",
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
                ("position", models.BigIntegerField()),
                ("until", models.BigIntegerField(null=True)),
                ("lease", models.BigIntegerField(db_default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="streams",
                        to="users.webhookendpoint",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
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
                ("lane", models.UUIDField()),
                ("position", models.BigIntegerField()),
                ("event_id", models.UUIDField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("WAITING", "Waiting"), ("FAILED", "Failed")],
                        default="WAITING",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="users.webhookendpoint",
                    ),
                ),
                (
                    "stream",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.webhookstream",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
            },
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(
                fields=["client", "created_at", "id"], name="webhook_endpoint_of_client"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(fields=["created_at", "id"], name="webhook_endpoint_by_time"),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["PENDING", "ENABLED", "DISABLED"])),
                name="webhook_endpoint_status_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("ordering__in", ["WALLET", "NONE"])),
                name="webhook_endpoint_ordering_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("disabled_reason__in", ["CLIENT", "STAFF", "GONE", "FAILING"]),
                        ("status", "DISABLED"),
                    ),
                    models.Q(
                        models.Q(("status", "DISABLED"), _negated=True), ("disabled_reason", "")
                    ),
                    _connector="OR",
                ),
                name="webhook_endpoint_is_disabled_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "ENABLED"), _negated=True),
                    ("verified_at__isnull", False),
                    _connector="OR",
                ),
                name="webhook_endpoint_is_enabled_once_verified",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("kinds__len__gte", 1), ("kinds__len__lte", 50)),
                name="webhook_endpoint_has_kinds",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("secrets__len__gte", 1), ("secrets__len__lte", 3)),
                name="webhook_endpoint_has_secrets",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("url__startswith", "https://"), ("url__startswith", "http://"), _connector="OR"
                ),
                name="webhook_endpoint_has_an_https_url",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookattempt",
            index=models.Index(
                fields=["endpoint", "created_at", "id"], name="webhook_attempt_of_endpoint"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookattempt",
            index=models.Index(fields=["event_id"], name="webhook_attempt_of_event"),
        ),
        migrations.AddConstraint(
            model_name="webhookattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__isnull", False),
                    models.Q(("failure", ""), _negated=True),
                    _connector="OR",
                ),
                name="webhook_attempt_has_an_answer_or_a_failure",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookstream",
            index=models.Index(
                condition=models.Q(("ended_at", None)),
                fields=["endpoint"],
                name="webhook_stream_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookstream",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until", None)),
                fields=("endpoint",),
                name="webhook_endpoint_has_one_stream",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookstream",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("until", None), ("position__lte", models.F("until")), _connector="OR"
                ),
                name="webhook_stream_is_within_its_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookstream",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at", None), ("until__isnull", False), _connector="OR"),
                name="webhook_stream_ends_if_it_is_a_replay",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "WAITING")),
                fields=["stream", "next_attempt_at"],
                name="webhook_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "event_id"], name="webhook_delivery_of_event"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "FAILED")),
                fields=["endpoint", "failed_at"],
                name="webhook_delivery_failed",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "WAITING")),
                fields=("stream", "lane"),
                name="webhook_lane_waits_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("failed_at", None),
                        ("next_attempt_at__isnull", False),
                        ("status", "WAITING"),
                    ),
                    models.Q(
                        ("event_id__isnull", False),
                        ("failed_at__isnull", False),
                        ("next_attempt_at", None),
                        ("status", "FAILED"),
                    ),
                    _connector="OR",
                ),
                name="webhook_delivery_waits_for_a_time_or_has_failed",
            ),
        ),
        Grant("SELECT, INSERT, UPDATE (name, status, contact)", "users_client"),
        Grant(
            "SELECT, INSERT, UPDATE (url, kinds, description, status, disabled_reason, secrets,"
            " secrets_until, verified_at, ping_id, failing_since, failures, paused_until, mail_due,"
            " updated_at)",
            "users_webhookendpoint",
        ),
        Grant(
            "SELECT, INSERT, UPDATE (position, lease, leased_until, ended_at)",
            "users_webhookstream",
        ),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (position, event_id, status, attempts, next_attempt_at,"
            " failed_at)",
            "users_webhookdelivery",
        ),
        Grant("SELECT, INSERT, DELETE", "users_webhookattempt"),
        migrations.RunPython(make_groups, take_back),
    ]
