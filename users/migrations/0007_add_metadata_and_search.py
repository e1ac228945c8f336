from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

from users.models.users import NameVector

# The words of names and how they are searched. Simple SQL functions without a dictionary: PostgreSQL
# needs no extension for them. Letters that have no decomposition are translated one by one.
FUNCTIONS = f"""
CREATE FUNCTION users_words(names text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_remove(regexp_split_to_array(
        lower(translate(
            regexp_replace(normalize(names, NFKD), '[\\u0300-\\u036f]', '', 'g'),
            'ØøŁłĐđĦħı', 'OoLlDdHhi')),
        '[[:space:]!-/:-@[-`{{-~]+'), '')
$$;
CREATE FUNCTION users_name_vector(first_name text, last_name text, company_name text)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(public.users_words(
        first_name || ' ' || last_name || ' ' || company_name))
$$;
CREATE FUNCTION users_name_query(words text)
RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg('''' || word || ''':*', ' & ')::tsquery
    FROM unnest(public.users_words(words)) AS word
$$;
GRANT EXECUTE ON FUNCTION users_words, users_name_vector, users_name_query
    TO "{settings.DATABASE_ROLE}";
"""  # noqa: S608
# Adds to what the role may do; `Grant` would revoke what it does not name.
GRANT = f'GRANT UPDATE (metadata) ON users_user TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE (metadata) ON users_user FROM "{settings.DATABASE_ROLE}";'
NO_FUNCTIONS = "DROP FUNCTION users_name_query, users_name_vector, users_words;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0006_date_changes")]

    operations: ClassVar = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.RemoveConstraint(model_name="user", name="user_can_be_reached_until_erased"),
        migrations.AddField(
            model_name="user",
            name="metadata",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                name="user_can_be_reached_until_erased",
                condition=(
                    models.Q(erased_at=None) & ~models.Q(user_name="") & ~models.Q(mobile_phone="")
                )
                | models.Q(
                    erased_at__isnull=False,
                    user_name="",
                    first_name="",
                    last_name="",
                    company_name="",
                    email="",
                    mobile_phone="",
                    unverified_phone="",
                    dlt_address="",
                    dlt_network="",
                    metadata__isnull=True,
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="user", index=GinIndex(NameVector(), name="user_of_words_of_name")
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
