from typing import Any, ClassVar

from django.conf import settings
from django.db import migrations, models

IMPERSONAL = "^[0-9A-Fa-f-]*$"
"""A reference that names nobody: blank, or made of an id."""

ERASED_ONLY = r"""
DROP TRIGGER bank_statement_file_is_written_once ON wallets_bankstatementfile;
DROP TRIGGER bank_report_is_written_once ON wallets_bankreport;
DROP TRIGGER bank_outcome_is_written_once ON wallets_bankoutcome;

CREATE FUNCTION bank_statement_file_is_only_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.content IS NOT NULL
       OR (NEW.id, NEW.name, NEW.sha256, NEW.statement_count, NEW.upload_id, NEW.actor,
           NEW.created_at)
          IS DISTINCT FROM
          (OLD.id, OLD.name, OLD.sha256, OLD.statement_count, OLD.upload_id, OLD.actor,
           OLD.created_at)
    THEN
        RAISE EXCEPTION 'a file of a bank is written once; only its content is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_statement_file_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankstatementfile
    FOR EACH ROW EXECUTE FUNCTION bank_statement_file_is_only_erased();

CREATE FUNCTION bank_report_is_only_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.content IS NOT NULL
       OR (NEW.id, NEW.file_id, NEW.upload_id, NEW.message_id, NEW.sha256, NEW.status,
           NEW.reason_code, NEW.settled, NEW.rejected, NEW.noted, NEW.conflicts, NEW.actor,
           NEW.created_at)
          IS DISTINCT FROM
          (OLD.id, OLD.file_id, OLD.upload_id, OLD.message_id, OLD.sha256, OLD.status,
           OLD.reason_code, OLD.settled, OLD.rejected, OLD.noted, OLD.conflicts, OLD.actor,
           OLD.created_at)
    THEN
        RAISE EXCEPTION 'an answer of the bank is written once; only its content is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_report_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankreport
    FOR EACH ROW EXECUTE FUNCTION bank_report_is_only_erased();

CREATE FUNCTION bank_outcome_is_only_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.reason <> ''
       OR to_jsonb(NEW) - 'reason' IS DISTINCT FROM to_jsonb(OLD) - 'reason'
    THEN
        RAISE EXCEPTION 'the outcome of a bank line is written once; only its reason is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_outcome_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankoutcome
    FOR EACH ROW EXECUTE FUNCTION bank_outcome_is_only_erased();

CREATE OR REPLACE FUNCTION bank_upload_is_answered_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an uploaded file is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_upload_is_never_removed';
    END IF;
    IF (NEW.id, NEW.kind, NEW.name, NEW.sha256, NEW.uploaded_by, NEW.uploaded_at)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.name, OLD.sha256, OLD.uploaded_by, OLD.uploaded_at)
       OR NEW.content IS NOT NULL AND NEW.content IS DISTINCT FROM OLD.content
       OR OLD.answered_at IS NOT NULL
          AND (NEW.answered_by, NEW.answered_at, NEW.is_released)
              IS DISTINCT FROM (OLD.answered_by, OLD.answered_at, OLD.is_released)
    THEN
        RAISE EXCEPTION 'an uploaded file is released or refused once; its content is only erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_upload_is_answered_once';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION bank_line_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changing constant text[] := '{confirmed_by_id,is_open,reason}';
    erased constant text[] := '{name,iban,target,remittance,text,end_to_end,payment,message}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a bank line is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_is_never_removed';
    END IF;
    IF to_jsonb(NEW) - (changing || erased) IS DISTINCT FROM to_jsonb(OLD) - (changing || erased)
       OR NEW.name NOT IN ('', OLD.name) OR NEW.iban NOT IN ('', OLD.iban)
       OR NEW.target NOT IN ('', OLD.target) OR NEW.remittance NOT IN ('', OLD.remittance)
       OR NEW.text NOT IN ('', OLD.text) OR NEW.end_to_end NOT IN ('', OLD.end_to_end)
       OR NEW.payment NOT IN ('', OLD.payment) OR NEW.message NOT IN ('', OLD.message)
       OR OLD.confirmed_by_id IS DISTINCT FROM NEW.confirmed_by_id
          AND OLD.confirmed_by_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'a bank line is written once; its texts are only erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_is_written_once';
    END IF;
    IF NEW.is_open <> OLD.is_open AND (
        NEW.is_open OR NOT EXISTS (SELECT FROM wallets_bankoutcome WHERE line_id = NEW.id)
    ) THEN
        RAISE EXCEPTION 'a bank line is closed when it has an outcome'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_line_is_closed_by_its_outcome';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION bank_decision_is_answered_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    answer constant text[] := '{answered_at,answered_by,is_approved}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a decision about a bank line is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_decision_is_never_removed';
    END IF;
    IF to_jsonb(NEW) - (answer || 'reason'::text)
       IS DISTINCT FROM to_jsonb(OLD) - (answer || 'reason'::text)
       OR NEW.reason NOT IN ('', OLD.reason)
       OR OLD.answered_at IS NOT NULL
          AND (NEW.answered_at, NEW.answered_by, NEW.is_approved)
              IS DISTINCT FROM (OLD.answered_at, OLD.answered_by, OLD.is_approved)
    THEN
        RAISE EXCEPTION 'a decision about a bank line is answered once; its reason is only erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_decision_is_answered_once';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION bank_reason_is_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what staff decide about a bank line has a reason'
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER bank_decision_has_a_reason
    BEFORE INSERT ON wallets_bankdecision FOR EACH ROW WHEN (NEW.reason = '')
    EXECUTE FUNCTION bank_reason_is_given();
CREATE TRIGGER bank_outcome_has_a_reason
    BEFORE INSERT ON wallets_bankoutcome FOR EACH ROW
    WHEN (NEW.reason = '' AND NEW.status IN ('RETURNED', 'IGNORED', 'SPLIT', 'SAME'))
    EXECUTE FUNCTION bank_reason_is_given();
"""
NOT_ERASED = r"""
DROP TRIGGER bank_outcome_has_a_reason ON wallets_bankoutcome;
DROP TRIGGER bank_decision_has_a_reason ON wallets_bankdecision;
DROP FUNCTION bank_reason_is_given();
DROP TRIGGER bank_outcome_is_written_once ON wallets_bankoutcome;
DROP TRIGGER bank_report_is_written_once ON wallets_bankreport;
DROP TRIGGER bank_statement_file_is_written_once ON wallets_bankstatementfile;
DROP FUNCTION bank_outcome_is_only_erased();
DROP FUNCTION bank_report_is_only_erased();
DROP FUNCTION bank_statement_file_is_only_erased();
CREATE TRIGGER bank_statement_file_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankstatementfile
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
CREATE TRIGGER bank_report_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankreport
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
CREATE TRIGGER bank_outcome_is_written_once
    BEFORE UPDATE OR DELETE ON wallets_bankoutcome
    FOR EACH ROW EXECUTE FUNCTION bank_row_is_written_once();
"""

# A line has the account of its statement and the currency of its account, whoever writes it.
OF_ITS_STATEMENT = """
ALTER TABLE wallets_bankstatement
    ADD CONSTRAINT bank_statement_is_of_its_account UNIQUE (id, account_id);
ALTER TABLE wallets_bankaccount
    ADD CONSTRAINT bank_account_has_its_currency UNIQUE (id, currency);
ALTER TABLE wallets_bankline
    ADD CONSTRAINT bank_line_has_its_statements_account
        FOREIGN KEY (statement_id, account_id)
        REFERENCES wallets_bankstatement (id, account_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT bank_line_is_confirmed_by_its_account
        FOREIGN KEY (confirmed_by_id, account_id)
        REFERENCES wallets_bankstatement (id, account_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT bank_line_has_its_accounts_currency
        FOREIGN KEY (account_id, currency)
        REFERENCES wallets_bankaccount (id, currency) DEFERRABLE INITIALLY DEFERRED;
"""
OF_ANY_STATEMENT = """
ALTER TABLE wallets_bankline
    DROP CONSTRAINT bank_line_has_its_accounts_currency,
    DROP CONSTRAINT bank_line_is_confirmed_by_its_account,
    DROP CONSTRAINT bank_line_has_its_statements_account;
ALTER TABLE wallets_bankaccount DROP CONSTRAINT bank_account_has_its_currency;
ALTER TABLE wallets_bankstatement DROP CONSTRAINT bank_statement_is_of_its_account;
"""

# The order writes the movement after the outcome, so both are compared at the end.
OF_ITS_LINE = """
CREATE FUNCTION bank_outcome_has_the_movement_of_its_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM wallets_bankline AS line
        JOIN wallets_movement AS movement
            ON movement.id = NEW.movement_id AND movement.client_id = NEW.client_id
            AND movement.wallet_id = NEW.wallet_id AND movement.currency = line.currency
            AND movement.status = 'SUCCESS' AND movement.counterparty_id IS NULL
            AND movement.amount = line.sign * line.amount
        WHERE line.id = NEW.line_id
    ) THEN
        RAISE EXCEPTION 'a bank line is explained by a settled movement of its amount'
            USING ERRCODE = 'check_violation',
                CONSTRAINT = 'bank_outcome_has_the_movement_of_its_line';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER bank_outcome_has_the_movement_of_its_line
    AFTER INSERT ON wallets_bankoutcome DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status IN ('MATCHED', 'ASSIGNED'))
    EXECUTE FUNCTION bank_outcome_has_the_movement_of_its_line();
"""
OF_ANY_LINE = """
DROP TRIGGER bank_outcome_has_the_movement_of_its_line ON wallets_bankoutcome;
DROP FUNCTION bank_outcome_has_the_movement_of_its_line();
"""

# What quotes people is erased by these functions only: the serving role may not write it.
ERASE = r"""
CREATE FUNCTION wallets_blank_bank_lines(wanted uuid[])
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM wallets_bankline WHERE id = ANY(wanted) ORDER BY id FOR NO KEY UPDATE;
    UPDATE wallets_bankline SET
        name = '', iban = '', target = '', remittance = '', text = '',
        end_to_end = CASE WHEN end_to_end ~ '^[0-9A-Fa-f-]*$' THEN end_to_end ELSE '' END,
        payment = CASE WHEN payment ~ '^[0-9A-Fa-f-]*$' THEN payment ELSE '' END,
        message = CASE WHEN message ~ '^[0-9A-Fa-f-]*$' THEN message ELSE '' END
    WHERE id = ANY(wanted);
    UPDATE wallets_bankoutcome SET reason = '' WHERE line_id = ANY(wanted) AND reason <> '';
    UPDATE wallets_bankdecision SET reason = '' WHERE line_id = ANY(wanted) AND reason <> '';
END
$$;
REVOKE ALL ON FUNCTION wallets_blank_bank_lines FROM PUBLIC;

-- A file quotes a line if it brought or confirmed it. One that states it again is not linked with
-- it: it is known by its account and its days.
CREATE FUNCTION wallets_blank_bank_files_of(lines uuid[])
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    files uuid[];
BEGIN
    SELECT array_agg(DISTINCT statement.file_id) INTO files
    FROM wallets_bankline AS line
    JOIN wallets_bankstatement AS statement ON statement.account_id = line.account_id AND (
        statement.id IN (line.statement_id, line.confirmed_by_id)
        OR statement.entries > statement.new_entries
            AND line.booking_date
                BETWEEN coalesce(statement.start, statement.day - 31) - 10 AND statement.day + 10)
    WHERE line.id = ANY(lines);
    UPDATE wallets_bankupload SET content = NULL
    WHERE content IS NOT NULL AND kind = 'STATEMENT' AND sha256 IN (
        SELECT sha256 FROM wallets_bankstatementfile WHERE id = ANY(files)
    );
    UPDATE wallets_bankstatementfile SET content = NULL
    WHERE content IS NOT NULL AND id = ANY(files);
END
$$;
REVOKE ALL ON FUNCTION wallets_blank_bank_files_of FROM PUBLIC;

CREATE FUNCTION wallets_erase_bank_texts(erased uuid, after uuid, most integer)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    outcomes uuid[];
    lines uuid[];
BEGIN
    IF NOT EXISTS (
        SELECT FROM wallets_wallet AS wallet JOIN users_user AS owner ON owner.id = wallet.user_id
        WHERE wallet.id = erased AND owner.status = 'UNSUBSCRIBED'
    ) THEN
        RAISE EXCEPTION 'only who has ended is erased'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'user_is_erased_after_its_end';
    END IF;
    -- As imports, decisions and answers do: the accounts, then the files, then what is below them.
    PERFORM FROM wallets_bankaccount ORDER BY id FOR NO KEY UPDATE;
    PERFORM FROM wallets_bankfile WHERE id IN (
        SELECT file_id FROM wallets_bankpayment WHERE wallet_id = erased
    ) ORDER BY id FOR NO KEY UPDATE;
    IF after IS NULL THEN
        UPDATE wallets_bankdecision SET reason = '' WHERE wallet_id = erased AND reason <> '';
        UPDATE wallets_bankupload SET content = NULL
        WHERE content IS NOT NULL AND id IN (
            SELECT report.upload_id FROM wallets_bankreport AS report
            JOIN wallets_bankpayment AS payment ON payment.file_id = report.file_id
            WHERE payment.wallet_id = erased
        );
        UPDATE wallets_bankreport SET content = NULL
        WHERE content IS NOT NULL AND file_id IN (
            SELECT file_id FROM wallets_bankpayment WHERE wallet_id = erased
        );
    END IF;
    SELECT array_agg(next.id ORDER BY next.id) INTO outcomes FROM (
        SELECT id FROM wallets_bankoutcome
        WHERE wallet_id = erased AND (after IS NULL OR id > after) ORDER BY id LIMIT most
    ) AS next;
    WITH RECURSIVE about (id) AS (
        SELECT line_id FROM wallets_bankoutcome WHERE id = ANY(outcomes)
        UNION
        SELECT other.id FROM about CROSS JOIN LATERAL (
            SELECT parent_id AS id FROM wallets_bankline
            WHERE id = about.id AND parent_id IS NOT NULL
            UNION ALL
            SELECT id FROM wallets_bankline WHERE parent_id = about.id
            UNION ALL
            SELECT pair_id FROM wallets_bankoutcome
            WHERE line_id = about.id AND pair_id IS NOT NULL
            UNION ALL
            SELECT line_id FROM wallets_bankoutcome WHERE pair_id = about.id
        ) AS other
    )
    SELECT array_agg(id) INTO lines FROM about;
    PERFORM wallets_blank_bank_lines(lines);
    PERFORM wallets_blank_bank_files_of(lines);
    RETURN CASE WHEN cardinality(outcomes) = most THEN outcomes[most] END;
END
$$;
REVOKE ALL ON FUNCTION wallets_erase_bank_texts FROM PUBLIC;

-- By their age: at least a year, whatever the caller says.
CREATE FUNCTION wallets_erase_old_bank_texts(before timestamptz, most integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    until constant timestamptz := least(before, iocash_now() - interval '1 year');
    lines uuid[];
    payments uuid[];
    found integer;
    total integer := 0;
BEGIN
    PERFORM FROM wallets_bankaccount ORDER BY id FOR NO KEY UPDATE;
    UPDATE wallets_bankstatementfile SET content = NULL WHERE id IN (
        SELECT id FROM wallets_bankstatementfile
        WHERE content IS NOT NULL AND created_at <= until ORDER BY created_at LIMIT 20);
    GET DIAGNOSTICS found = ROW_COUNT;
    total := total + found;
    UPDATE wallets_bankupload SET content = NULL WHERE id IN (
        SELECT id FROM wallets_bankupload
        WHERE content IS NOT NULL AND uploaded_at <= until ORDER BY uploaded_at LIMIT 20);
    GET DIAGNOSTICS found = ROW_COUNT;
    total := total + found;
    UPDATE wallets_bankreport SET content = NULL WHERE id IN (
        SELECT id FROM wallets_bankreport
        WHERE content IS NOT NULL AND created_at <= until ORDER BY created_at LIMIT 20);
    GET DIAGNOSTICS found = ROW_COUNT;
    total := total + found;
    UPDATE wallets_bankfile SET content = NULL WHERE id IN (
        SELECT id FROM wallets_bankfile
        WHERE content IS NOT NULL AND state NOT IN ('BUILT', 'APPROVED') AND created_at <= until
        LIMIT 20);
    GET DIAGNOSTICS found = ROW_COUNT;
    total := total + found;
    SELECT array_agg(id) INTO payments FROM (
        SELECT id FROM wallets_bankpayment
        WHERE information <> '' AND answered_at <= until LIMIT most
    ) AS old;
    UPDATE wallets_bankpayment SET information = '' WHERE id = ANY(payments);
    SELECT array_agg(id) INTO lines FROM (
        SELECT line.id FROM wallets_bankline AS line
        WHERE line.created_at <= until
          AND NOT (line.end_to_end ~ '^[0-9A-Fa-f-]*$' AND line.iban = ''
                   AND line.message ~ '^[0-9A-Fa-f-]*$' AND line.name = ''
                   AND line.payment ~ '^[0-9A-Fa-f-]*$' AND line.remittance = ''
                   AND line.target = '' AND line.text = '')
          AND EXISTS (
              SELECT FROM wallets_bankoutcome AS outcome
              WHERE outcome.line_id = line.id AND outcome.created_at <= until)
        ORDER BY line.created_at, line.id LIMIT most
    ) AS old;
    PERFORM wallets_blank_bank_lines(lines);
    RETURN total + coalesce(cardinality(lines), 0) + coalesce(cardinality(payments), 0);
END
$$;
REVOKE ALL ON FUNCTION wallets_erase_old_bank_texts FROM PUBLIC;
"""
KEEP = """
DROP FUNCTION wallets_erase_old_bank_texts(timestamptz, integer);
DROP FUNCTION wallets_erase_bank_texts(uuid, uuid, integer);
DROP FUNCTION wallets_blank_bank_files_of(uuid[]);
DROP FUNCTION wallets_blank_bank_lines(uuid[]);
"""
ALLOW = (
    "GRANT EXECUTE ON FUNCTION wallets_erase_bank_texts, wallets_erase_old_bank_texts"
    f' TO "{settings.DATABASE_ROLE}";'
)

# Statements that were imported before: what they brought is in their lines.
COUNT = """
ALTER TABLE wallets_bankstatementfile DISABLE TRIGGER USER;
ALTER TABLE wallets_bankstatement DISABLE TRIGGER USER;
UPDATE wallets_bankstatementfile AS file SET statement_count = (
    SELECT count(*) FROM wallets_bankstatement WHERE file_id = file.id
);
UPDATE wallets_bankstatement AS statement
SET new_entries = brought.entries, new_lines = brought.lines, new_total = brought.total,
    known_entries = statement.entries - brought.entries,
    known_total = statement.total - brought.total
FROM (
    SELECT statement_id, count(*) AS lines, sum(sign * amount) AS total,
           count(DISTINCT (reference, booking_date, entry_amount, sign, index)) AS entries
    FROM wallets_bankline WHERE parent_id IS NULL GROUP BY statement_id
) AS brought
WHERE brought.statement_id = statement.id;
UPDATE wallets_bankstatement AS statement
SET known_entries = entries, known_total = total
FROM wallets_bankaccount AS account
WHERE account.id = statement.account_id AND account.purpose = 'SAFEGUARDING'
  AND statement.kind = 'camt.053' AND statement.new_entries = 0;
ALTER TABLE wallets_bankstatement ENABLE TRIGGER USER;
ALTER TABLE wallets_bankstatementfile ENABLE TRIGGER USER;
"""


def has_its_hash(name: str) -> models.CheckConstraint:
    digest = models.Func(models.F("content"), function="sha256", output_field=models.BinaryField())
    return models.CheckConstraint(
        condition=models.Q(("content", None), ("sha256", digest), _connector="OR"), name=name
    )


def quoting(model: str, index: str, constraint: str, dated: str) -> list[Any]:
    """A content that can be erased: its column, its hash, and the index of what is left."""
    return [
        migrations.RemoveConstraint(model_name=model, name=constraint),
        migrations.AlterField(
            model_name=model, name="content", field=models.BinaryField(null=True)
        ),
        migrations.AddConstraint(model_name=model, constraint=has_its_hash(constraint)),
        migrations.AddIndex(
            model_name=model,
            index=models.Index(
                condition=models.Q(("content__isnull", False)), fields=[dated], name=index
            ),
        ),
    ]


def count(name: str, field: Any) -> Any:
    return migrations.AddField(model_name="bankstatement", name=name, field=field)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("wallets", "0026_list_unexplained_movements"),
    ]

    operations: ClassVar = [
        migrations.RunSQL(ERASED_ONLY, NOT_ERASED),
        *quoting(
            "bankstatementfile",
            "bank_statement_file_to_erase",
            "bank_statement_file_has_its_hash",
            "created_at",
        ),
        *quoting("bankreport", "bank_report_to_erase", "bank_report_has_its_hash", "created_at"),
        *quoting("bankupload", "bank_upload_to_erase", "bank_upload_has_its_hash", "uploaded_at"),
        migrations.AddField(
            model_name="bankstatementfile",
            name="statement_count",
            field=models.PositiveIntegerField(default=0),
        ),
        count("new_entries", models.PositiveIntegerField(default=0)),
        count("new_lines", models.PositiveIntegerField(default=0)),
        count("new_total", models.BigIntegerField(default=0)),
        count("known_entries", models.PositiveIntegerField(default=0)),
        count("known_total", models.BigIntegerField(default=0)),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("known_entries", 0),
                        ("known_total", 0),
                        ("new_entries", 0),
                        ("new_lines", 0),
                        ("new_total", 0),
                    ),
                    models.Q(
                        ("entries", models.F("new_entries") + models.F("known_entries")),
                        ("new_lines__gte", models.F("new_entries")),
                        ("total", models.F("new_total") + models.F("known_total")),
                    ),
                    _connector="OR",
                ),
                name="bank_statement_adds_up",
            ),
        ),
        migrations.RemoveConstraint(model_name="bankdecision", name="bank_decision_has_a_reason"),
        migrations.RemoveConstraint(
            model_name="bankoutcome", name="bank_outcome_has_what_its_state_needs"
        ),
        migrations.AddConstraint(
            model_name="bankoutcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("approval_id", None),
                        ("client__isnull", False),
                        ("decision_id", None),
                        ("line__isnull", False),
                        ("movement__isnull", False),
                        ("pair", None),
                        ("status", "MATCHED"),
                        ("wallet__isnull", False),
                    ),
                    models.Q(
                        ("approval_id", None),
                        ("client__isnull", False),
                        ("decision_id__isnull", False),
                        ("line__isnull", False),
                        ("movement__isnull", False),
                        ("pair", None),
                        ("status", "ASSIGNED"),
                        ("wallet__isnull", False),
                    ),
                    models.Q(
                        ("approval_id__isnull", False),
                        ("client__isnull", False),
                        ("decision_id", None),
                        ("line", None),
                        ("movement__isnull", False),
                        ("pair", None),
                        ("status", "APART"),
                        ("wallet__isnull", False),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    models.Q(
                        ("approval_id", None),
                        ("client", None),
                        ("decision_id__isnull", False),
                        ("line__isnull", False),
                        ("movement", None),
                        ("status__in", ["RETURNED", "IGNORED", "SPLIT", "SAME"]),
                        ("wallet", None),
                    ),
                    _connector="OR",
                ),
                name="bank_outcome_has_what_its_state_needs",
            ),
        ),
        migrations.AlterField(
            model_name="bankline",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not looked at yet"),
                    ("no_wallet", "It names no wallet of this account"),
                    ("several_wallets", "It names several wallets"),
                    ("no_cash_out", "It names no payment out of this account"),
                    ("other_amount", "The payment out has another amount"),
                    ("cash_out_not_sent", "The payment out was not sent to the bank"),
                    ("other_account", "The payment out was to be paid from another account"),
                    ("other_payee", "The bank names another account than that of the payee"),
                    ("movement_not_pending", "The payment out was rejected or cancelled"),
                    ("returned", "A returned payment that names no payment out"),
                    ("no_cash_in", "No cash-in of the client has its reference and amount"),
                    ("booked_before", "A cash-in of the client without a line can be this credit"),
                    ("reversed", "The bank has reversed an earlier entry"),
                    ("repeated", "The same entry is in a statement more than once"),
                    ("not_notified", "The statement has it, but no notification had it"),
                    ("undated", "The bank gives no date of its own for it"),
                    ("restated", "It is new in a statement that the bank has sent before"),
                    ("taken", "The movement belongs to another line"),
                    ("part", "A part of a line that was split"),
                    ("wallet_not_ready", "The wallet is blocked or closed"),
                    ("user_not_active", "The owner of the wallet is blocked or closed"),
                    ("limit_exceeded", "A limit of the owner would be exceeded"),
                    ("insufficient_funds", "The wallet has too little money"),
                    ("reversal_exceeded", "The payment out was returned before"),
                    ("refused", "The ledger has refused it"),
                ],
                max_length=40,
                verbose_name="reason",
            ),
        ),
        migrations.AddIndex(
            model_name="bankline",
            index=models.Index(
                condition=models.Q(
                    ("end_to_end__regex", IMPERSONAL),
                    ("iban", ""),
                    ("message__regex", IMPERSONAL),
                    ("name", ""),
                    ("payment__regex", IMPERSONAL),
                    ("remittance", ""),
                    ("target", ""),
                    ("text", ""),
                    _negated=True,
                ),
                fields=["created_at", "id"],
                name="bank_line_to_erase",
            ),
        ),
        migrations.RunSQL(OF_ITS_STATEMENT, OF_ANY_STATEMENT),
        migrations.RunSQL(OF_ITS_LINE, OF_ANY_LINE),
        migrations.RunSQL(ERASE, KEEP),
        migrations.RunSQL(ALLOW, migrations.RunSQL.noop),
    ]
