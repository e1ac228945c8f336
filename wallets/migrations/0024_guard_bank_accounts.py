from typing import ClassVar

from django.db import migrations, models

from iocash.db.grants import Grant

GUARDS = """
CREATE FUNCTION bank_account_is_as_approved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    account wallets_bankaccount;
    held jsonb;
BEGIN
    SELECT * INTO account FROM wallets_bankaccount
    WHERE id = coalesce(changed ->> 'bankaccount_id', changed ->> 'id')::uuid;
    IF account.approval_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(jsonb_agg(client_id::text ORDER BY client_id::text), '[]') INTO held
    FROM wallets_bankaccount_clients WHERE bankaccount_id = account.id;
    IF NOT EXISTS (
        SELECT FROM users_approval AS approval
        WHERE approval.id = account.approval_id AND approval.kind = 'BANK_ACCOUNT'
          AND approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
          AND approval.subject_id = account.id::text
          AND approval.payload ->> 'iban' = account.iban
          AND approval.payload ->> 'currency' = account.currency
          AND approval.payload ->> 'bic' = account.bic
          AND approval.payload ->> 'holder_name' = account.holder_name
          AND approval.payload ->> 'purpose' = account.purpose
          AND approval.payload ->> 'booked_by' = account.booked_by
          AND (approval.payload ->> 'is_closed')::boolean = (account.closed_at IS NOT NULL)
          AND approval.payload -> 'clients' = held
    ) THEN
        RAISE EXCEPTION 'two people agree to what a bank account is, and whose money it holds'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_account_is_as_approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER bank_account_is_as_approved
    AFTER INSERT OR UPDATE OF iban, currency, bic, holder_name, purpose, booked_by, closed_at,
        approval_id
    ON wallets_bankaccount DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION bank_account_is_as_approved();
CREATE CONSTRAINT TRIGGER bank_account_clients_are_as_approved
    AFTER INSERT OR UPDATE OR DELETE ON wallets_bankaccount_clients DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION bank_account_is_as_approved();

-- What a command has made has no approval. Whoever changes it later needs one. A command writes the
-- clients together with the account; it has a minute for that.
CREATE FUNCTION bank_account_is_changed_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
BEGIN
    IF TG_TABLE_NAME = 'wallets_bankaccount' OR EXISTS (
        SELECT FROM wallets_bankaccount AS account
        WHERE account.id = (changed ->> 'bankaccount_id')::uuid AND account.approval_id IS NULL
          AND account.created_at < iocash_now() - interval '1 minute'
    ) THEN
        RAISE EXCEPTION 'two people change a bank account, also one that a command has made'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_account_is_changed_by_two';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER bank_account_is_changed_by_two
    AFTER UPDATE ON wallets_bankaccount FOR EACH ROW
    WHEN (NEW.approval_id IS NULL
          AND to_jsonb(NEW) - '{opening,opening_date}'::text[]
              IS DISTINCT FROM to_jsonb(OLD) - '{opening,opening_date}'::text[])
    EXECUTE FUNCTION bank_account_is_changed_by_two();
CREATE TRIGGER bank_account_clients_are_changed_by_two
    BEFORE INSERT OR UPDATE OR DELETE ON wallets_bankaccount_clients FOR EACH ROW
    EXECUTE FUNCTION bank_account_is_changed_by_two();

CREATE FUNCTION bank_account_approvals_follow_one_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approval_id IS NULL OR EXISTS (
        SELECT FROM users_approval AS earlier JOIN users_approval AS later
            ON later.id = NEW.approval_id AND later.asked_at <= earlier.asked_at
        WHERE earlier.id = OLD.approval_id
    ) THEN
        RAISE EXCEPTION 'a later approval changes a bank account'
            USING ERRCODE = 'check_violation',
                CONSTRAINT = 'bank_account_approvals_follow_one_another';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_account_approvals_follow_one_another
    BEFORE UPDATE OF approval_id ON wallets_bankaccount FOR EACH ROW
    WHEN (OLD.approval_id IS DISTINCT FROM NEW.approval_id)
    EXECUTE FUNCTION bank_account_approvals_follow_one_another();

CREATE FUNCTION bank_account_opening_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM wallets_bankstatement AS statement
        WHERE statement.account_id = NEW.id AND statement.kind = 'camt.053'
          AND coalesce(statement.start, statement.day) = NEW.opening_date
          AND coalesce(statement.opening, statement.closing - statement.total) = NEW.opening
          AND (OLD.opening IS NULL OR (
              (NEW.opening_date < OLD.opening_date AND statement.day <= OLD.opening_date
                  OR NEW.opening_date = OLD.opening_date AND EXISTS (
                      SELECT FROM wallets_bankstatement AS later
                      WHERE later.account_id = NEW.id AND later.kind = 'camt.053'
                        AND (later.name, later.number) = (statement.name, statement.number)
                        AND later.page > statement.page
                        AND coalesce(later.start, later.day) = OLD.opening_date
                        AND coalesce(later.opening, later.closing - later.total) = OLD.opening
                  ))
              AND coalesce(statement.closing, statement.opening + statement.total) = OLD.opening
              AND OLD.opening - NEW.opening = (
                  SELECT coalesce(sum(line.sign * line.amount), 0) FROM wallets_bankline AS line
                  WHERE line.account_id = NEW.id AND line.confirmed_by_id = statement.id
                    AND line.parent_id IS NULL
              )
          ))
    ) THEN
        RAISE EXCEPTION 'the opening balance is that of the first statement, or leads to it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_account_opening_is_kept';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bank_account_opening_is_kept
    BEFORE UPDATE OF opening, opening_date ON wallets_bankaccount FOR EACH ROW
    WHEN ((OLD.opening, OLD.opening_date) IS DISTINCT FROM (NEW.opening, NEW.opening_date))
    EXECUTE FUNCTION bank_account_opening_is_kept();
CREATE FUNCTION bank_account_begins_without_opening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the opening balance is that of the first statement'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_account_begins_without_opening';
END
$$;
CREATE TRIGGER bank_account_begins_without_opening
    BEFORE INSERT ON wallets_bankaccount FOR EACH ROW WHEN (NEW.opening IS NOT NULL)
    EXECUTE FUNCTION bank_account_begins_without_opening();
"""
NO_GUARDS = """
DROP TRIGGER bank_account_begins_without_opening ON wallets_bankaccount;
DROP FUNCTION bank_account_begins_without_opening();
DROP TRIGGER bank_account_opening_is_kept ON wallets_bankaccount;
DROP FUNCTION bank_account_opening_is_kept();
DROP TRIGGER bank_account_approvals_follow_one_another ON wallets_bankaccount;
DROP FUNCTION bank_account_approvals_follow_one_another();
DROP TRIGGER bank_account_clients_are_changed_by_two ON wallets_bankaccount_clients;
DROP TRIGGER bank_account_is_changed_by_two ON wallets_bankaccount;
DROP FUNCTION bank_account_is_changed_by_two();
DROP TRIGGER bank_account_clients_are_as_approved ON wallets_bankaccount_clients;
DROP TRIGGER bank_account_is_as_approved ON wallets_bankaccount;
DROP FUNCTION bank_account_is_as_approved();
"""

REASONS = [
    ("", "Not looked at yet"),
    ("no_wallet", "It names no wallet of this account"),
    ("several_wallets", "It names several wallets"),
    ("no_cash_out", "It names no payment out of this account"),
    ("other_amount", "The payment out has another amount"),
    ("cash_out_not_sent", "The payment out was not sent to the bank"),
    ("movement_not_pending", "The payment out was rejected or cancelled"),
    ("returned", "A returned payment that names no payment out"),
    ("no_cash_in", "No cash-in of the client has its reference and amount"),
    ("booked_before", "A cash-in of the client without a line can be this credit"),
    ("reversed", "The bank has reversed an earlier entry"),
    ("repeated", "The same entry is in a statement more than once"),
    ("not_notified", "The statement has it, but no notification had it"),
    ("undated", "The bank gives no date of its own for it"),
    ("taken", "The movement belongs to another line"),
    ("part", "A part of a line that was split"),
    ("wallet_not_ready", "The wallet is blocked or closed"),
    ("user_not_active", "The owner of the wallet is blocked or closed"),
    ("limit_exceeded", "A limit of the owner would be exceeded"),
    ("insufficient_funds", "The wallet has too little money"),
    ("reversal_exceeded", "The payment out was returned before"),
    ("refused", "The ledger has refused it"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0022_note_when_the_source_changes"),
        ("wallets", "0023_import_bank_statements"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="bankaccount",
            name="opening",
            field=models.BigIntegerField(null=True, verbose_name="opening balance"),
        ),
        migrations.AddField(
            model_name="bankaccount",
            name="opening_date",
            field=models.DateField(null=True, verbose_name="first day of statements"),
        ),
        migrations.AddField(
            model_name="bankaccount",
            name="approval_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name="bankline",
            name="reason",
            field=models.CharField(
                blank=True, choices=REASONS, max_length=40, verbose_name="reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("opening", None), ("opening_date", None))
                | models.Q(("opening__isnull", False), ("opening_date__isnull", False)),
                name="bank_account_opening_has_its_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("purpose", "OWN_FUNDS"),
                    ("approval_id__isnull", False),
                    ("actor__startswith", "system:"),
                    _connector="OR",
                ),
                name="bank_account_is_added_by_two_people",
            ),
        ),
        migrations.RunSQL(GUARDS, NO_GUARDS),
        Grant(
            "SELECT, INSERT, UPDATE (approval_id, bic, booked_by, closed_at, holder_name,"
            " opening, opening_date)",
            "wallets_bankaccount",
        ),
    ]
