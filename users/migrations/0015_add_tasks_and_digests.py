from typing import ClassVar

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

import iocash.db.clock
from iocash.db.grants import Grant

FOREIGN_KEYS = """
ALTER TABLE users_task
    ADD CONSTRAINT task_is_of_the_users_client
        FOREIGN KEY (client_id, user_id) REFERENCES users_user (client_id, id);
"""
NO_FOREIGN_KEYS = "ALTER TABLE users_task DROP CONSTRAINT task_is_of_the_users_client;"
GUARD = """
CREATE FUNCTION users_task_texts_are_never_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the texts of a task are never edited'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'task_texts_are_never_edited';
END
$$;
CREATE TRIGGER task_texts_are_never_edited
    BEFORE UPDATE OF title, text, subject, subject_id, user_id, client_id, actor ON users_task
    FOR EACH ROW EXECUTE FUNCTION users_task_texts_are_never_edited();
"""
NO_GUARD = """
DROP TRIGGER task_texts_are_never_edited ON users_task;
DROP FUNCTION users_task_texts_are_never_edited;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0014_add_cases"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Task",
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
                (
                    "subject",
                    models.CharField(
                        blank=True,
                        choices=[("user", "User"), ("wallet", "Wallet"), ("movement", "Movement")],
                        max_length=10,
                    ),
                ),
                ("subject_id", models.UUIDField(null=True)),
                ("title", models.CharField(max_length=140, verbose_name="title")),
                ("text", models.CharField(blank=True, max_length=2000, verbose_name="text")),
                ("owner", models.CharField(max_length=60)),
                ("due_on", models.DateField(verbose_name="due")),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=iocash.db.clock.Now(), editable=False, verbose_name="added"
                    ),
                ),
                ("done_by", models.CharField(blank=True, max_length=60)),
                ("done_at", models.DateTimeField(null=True, verbose_name="done")),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.client",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="users.user",
                    ),
                ),
            ],
            options={
                "verbose_name": "task",
                "verbose_name_plural": "tasks",
            },
        ),
        migrations.CreateModel(
            name="TaskChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.UUIDField(
                        editable=False, help_text="The form that was sent.", unique=True
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ADDED", "Added the task."),
                            ("OWNER", "Assigned the task."),
                            ("DUE", "Changed the due date of the task."),
                            ("DONE", "Marked the task as done."),
                            ("REOPENED", "Reopened the task."),
                        ],
                        max_length=8,
                    ),
                ),
                ("owner", models.CharField(max_length=60)),
                ("due_on", models.DateField()),
                ("actor", models.CharField(max_length=60)),
                (
                    "created_at",
                    models.DateTimeField(db_default=iocash.db.clock.Now(), editable=False),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="users.task",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("done_at", None)),
                fields=["owner", "due_on", "id"],
                name="task_of_owner",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("done_at", None)), fields=["due_on", "id"], name="task_open"
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("done_at__isnull", False)),
                fields=["done_at", "id"],
                name="task_done",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("done_at__isnull", False)),
                fields=["owner", "done_at", "id"],
                name="task_done_of_owner",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["user", "id"], name="task_of_user"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["subject_id", "id"], name="task_about_subject"),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(("title", ""), _negated=True), name="task_has_a_title"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(("owner", ""), _negated=True), name="task_has_an_owner"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("client", None), ("subject", ""), ("subject_id", None), ("user", None)
                    ),
                    models.Q(
                        ("subject__in", ["user", "wallet", "movement"]),
                        ("client__isnull", False),
                        ("subject_id__isnull", False),
                        ("user__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="task_is_about_one_subject_or_none",
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("subject", "user"), _negated=True),
                    ("subject_id", models.F("user")),
                    _connector="OR",
                ),
                name="task_is_about_the_user_itself",
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_at", None), ("done_by", "")),
                    models.Q(("done_at__isnull", False), models.Q(("done_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="task_is_done_by_a_member",
            ),
        ),
        migrations.AddIndex(
            model_name="taskchange",
            index=models.Index(fields=["task", "id"], name="task_change_of_task"),
        ),
        migrations.AddIndex(
            model_name="taskchange",
            index=models.Index(fields=["actor", "created_at"], name="task_change_of_actor"),
        ),
        migrations.AddConstraint(
            model_name="taskchange",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["ADDED", "OWNER", "DUE", "DONE", "REOPENED"])),
                name="task_change_is_known",
            ),
        ),
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(GUARD, NO_GUARD),
        migrations.AddField(
            model_name="preferences",
            name="digest",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="preferences",
            name="digest_date",
            field=models.DateField(editable=False, null=True),
        ),
        Grant("SELECT, INSERT, DELETE, UPDATE (owner, due_on, done_by, done_at)", "users_task"),
        Grant("SELECT, INSERT, DELETE", "users_taskchange"),
        Grant(
            "SELECT, INSERT, DELETE, UPDATE (language, time_zone, digest, digest_date)",
            "users_preferences",
        ),
    ]
