from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Upper

from users.models.users import PartsVector

# The parts of words that a search finds: of García, "garcia", "arcia", "rcia" and "cia". A query for
# "arci" asks for what begins with it. Words of one or two letters are found as a whole only.
# `users_found`, `users_near` and `users_known` read nothing but their index, whatever the planner expects: the
# vector of a row is slow to compute.
FUNCTIONS = f"""
CREATE FUNCTION users_parts_vector(VARIADIC texts text[])
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(coalesce(array_agg(DISTINCT substr(word, start, 40)), '{{}}'))
    FROM unnest(public.users_words(array_to_string(texts, ' '))) AS word,
        generate_series(1, greatest(length(word) - 2, 1)) AS start
$$;
CREATE FUNCTION users_parts_query(words text)
RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(
        '''' || left(word, 40) || '''' || CASE WHEN length(word) > 2 THEN ':*' ELSE '' END, ' & '
    )::tsquery
    FROM unnest(public.users_words(words)) AS word
$$;
CREATE FUNCTION users_found(asked tsquery, most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    SELECT id FROM public.users_user
    WHERE public.users_parts_vector(
        first_name, last_name, company_name, user_name, email, mobile_phone, unverified_phone
    ) @@ asked
    LIMIT most
$$;
CREATE FUNCTION users_near(asked tsquery, most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    SELECT id FROM public.users_user
    WHERE public.users_name_vector(first_name, last_name, company_name) @@ asked
    LIMIT most
$$;
CREATE FUNCTION users_known(words text[]) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
    SELECT word FROM unnest(words) AS word WHERE EXISTS (
        SELECT FROM public.users_user
        WHERE public.users_name_vector(first_name, last_name, company_name)
            @@ quote_literal(word)::tsquery
    )
$$;
GRANT EXECUTE ON FUNCTION
    users_parts_vector, users_parts_query, users_found, users_near, users_known
    TO "{settings.DATABASE_ROLE}";
"""  # noqa: S608
NO_FUNCTIONS = """
DROP FUNCTION users_known, users_near, users_found, users_parts_query, users_parts_vector;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0010_add_preferences")]

    operations: ClassVar = [
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.AddIndex(
            model_name="user",
            index=GinIndex(
                PartsVector(), name="user_of_parts_of_words", gin_pending_list_limit=256
            ),
        ),
        migrations.AddIndex(
            model_name="kycdocument",
            index=models.Index(
                Upper(KeyTextTransform("identity_number", "facts")),
                condition=models.Q(("kind", "IDENTITY")),
                name="kyc_document_of_number",
            ),
        ),
        migrations.AddIndex(
            model_name="kycdocument",
            index=models.Index(
                KeyTextTransform("external_iban", "facts"),
                condition=models.Q(("kind", "EXTERNAL_IBAN")),
                name="kyc_document_of_iban",
            ),
        ),
    ]
