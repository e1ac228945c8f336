from typing import ClassVar

from django.db import migrations, models

SINCE = """
CREATE FUNCTION users_note_source_of_cash_ins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cash_ins_since := iocash_clock();
    RETURN NEW;
END
$$;
CREATE TRIGGER client_source_has_its_time
    BEFORE UPDATE OF cash_ins ON users_client FOR EACH ROW
    WHEN (OLD.cash_ins IS DISTINCT FROM NEW.cash_ins)
    EXECUTE FUNCTION users_note_source_of_cash_ins();
"""
NO_SINCE = """
DROP TRIGGER client_source_has_its_time ON users_client;
DROP FUNCTION users_note_source_of_cash_ins();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0021_add_source_of_cash_ins"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="client",
            name="cash_ins_since",
            field=models.DateTimeField(
                editable=False,
                help_text="When the source was changed last; a trigger writes it.",
                null=True,
                verbose_name="source since",
            ),
        ),
        migrations.RunSQL(SINCE, NO_SINCE),
    ]
