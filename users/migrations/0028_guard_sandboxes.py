"""Sandboxes stay what they are: their row, their clock, and the scope that only they have."""

from typing import ClassVar

from django.conf import settings
from django.db import migrations, models

SCOPES = [
    "users:read",
    "users:write",
    "wallets:read",
    "wallets:write",
    "movements:read",
    "movements:write",
    "events:read",
    "events:write",
    "cash-in:write",
    "sandbox:write",
]

# A database with neither a sandbox's row nor a client can still become a sandbox: NULL.
GUARDS = """
CREATE FUNCTION iocash_is_sandbox() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM public.users_sandbox) THEN true
                WHEN EXISTS (SELECT FROM public.users_client) THEN false END
$$;

CREATE FUNCTION users_guard_sandbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a sandbox stays a sandbox'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sandbox_stays_a_sandbox';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM public.users_client) THEN
            RAISE EXCEPTION 'only a database without clients becomes a sandbox'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'sandbox_begins_without_clients';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.created_at) THEN
        RAISE EXCEPTION 'a sandbox stays a sandbox'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sandbox_stays_a_sandbox';
    END IF;
    IF NEW.clock_offset < OLD.clock_offset THEN
        RAISE EXCEPTION 'the clock of a sandbox only advances'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sandbox_clock_only_advances';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER sandbox_is_guarded
    BEFORE INSERT OR UPDATE OR DELETE ON users_sandbox
    FOR EACH ROW EXECUTE FUNCTION users_guard_sandbox();

CREATE FUNCTION users_guard_sandbox_scope() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.users_sandbox) THEN
        RAISE EXCEPTION 'the scope sandbox:write exists in sandboxes only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'scope_sandbox_is_of_sandboxes';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER api_key_scope_is_of_sandboxes
    BEFORE INSERT OR UPDATE ON users_apikey
    FOR EACH ROW WHEN ('sandbox:write' = ANY (NEW.scopes))
    EXECUTE FUNCTION users_guard_sandbox_scope();
CREATE TRIGGER signing_key_scope_is_of_sandboxes
    BEFORE INSERT OR UPDATE ON users_signingkey
    FOR EACH ROW WHEN ('sandbox:write' = ANY (NEW.scopes))
    EXECUTE FUNCTION users_guard_sandbox_scope();
"""
GRANT = f'GRANT EXECUTE ON FUNCTION iocash_is_sandbox TO "{settings.DATABASE_ROLE}";'
UNGUARD = """
DROP TRIGGER signing_key_scope_is_of_sandboxes ON users_signingkey;
DROP TRIGGER api_key_scope_is_of_sandboxes ON users_apikey;
DROP FUNCTION users_guard_sandbox_scope();
DROP TRIGGER sandbox_is_guarded ON users_sandbox;
DROP FUNCTION users_guard_sandbox();
DROP FUNCTION iocash_is_sandbox();
"""


def known_scopes(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=models.Q(("scopes__contained_by", SCOPES)), name=f"{name}_scopes_are_known"
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("users", "0027_keep_moved_clients_unchanged")]

    operations: ClassVar = [
        migrations.RemoveConstraint("apikey", "api_key_scopes_are_known"),
        migrations.AddConstraint("apikey", known_scopes("api_key")),
        migrations.RemoveConstraint("signingkey", "signing_key_scopes_are_known"),
        migrations.AddConstraint("signingkey", known_scopes("signing_key")),
        migrations.RunSQL(GUARDS, UNGUARD),
        migrations.RunSQL(GRANT, migrations.RunSQL.noop),
    ]
