from typing import ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import PROTECT

# A cash-out is sent once, unless its file is taken back before it was handed over.
MOVEMENT_WRITTEN_ONCE = """
CREATE OR REPLACE FUNCTION movement_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
%(declare)sBEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a movement is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_never_removed';
    END IF;
    IF (NEW.id, NEW.client_id, NEW.wallet_id, NEW.operation_id, NEW.type, NEW.amount,
        NEW.currency, NEW.counterparty_id, NEW.hold_id, NEW.reversal_of_id,
        NEW.external_account_id, NEW.created_at, NEW.details_digest)
       IS DISTINCT FROM
       (OLD.id, OLD.client_id, OLD.wallet_id, OLD.operation_id, OLD.type, OLD.amount,
        OLD.currency, OLD.counterparty_id, OLD.hold_id, OLD.reversal_of_id,
        OLD.external_account_id, OLD.created_at, OLD.details_digest)
    THEN
        RAISE EXCEPTION 'a movement is written once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_written_once';
    END IF;
    IF OLD.digest IS DISTINCT FROM NEW.digest
       AND OLD.status = 'PENDING' AND NEW.status <> 'SUCCESS'
    THEN
        RAISE EXCEPTION 'the digest of a movement changes only when it settles'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_written_once';
    END IF;
    IF OLD.status <> 'PENDING' AND
       ((NEW.status, NEW.seq, NEW.balance_after, NEW.received_after, NEW.settled_at,
         NEW.ended_at, NEW.updated_at, NEW.digest)
        IS DISTINCT FROM
        (OLD.status, OLD.seq, OLD.balance_after, OLD.received_after, OLD.settled_at,
         OLD.ended_at, OLD.updated_at, OLD.digest)
        OR NEW.reason <> OLD.reason
           AND (NEW.reason <> '' OR OLD.salt IS NULL OR NEW.salt IS NOT NULL))
    THEN
        RAISE EXCEPTION 'a movement is settled at most once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_settled_once';
    END IF;
    IF NEW.ended_at IS NOT NULL AND NEW.status NOT IN ('ERROR', 'CANCELLED') THEN
        RAISE EXCEPTION 'only a cash-out that failed has an end'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_end_is_of_a_failed_one';
    END IF;
%(taken)s    IF NEW.sent_at IS DISTINCT FROM OLD.sent_at%(unless)s
       AND (OLD.sent_at IS NOT NULL OR OLD.status <> 'PENDING')
    THEN
        RAISE EXCEPTION 'a movement is sent at most once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_sent_once';
    END IF;
    IF (NEW.concept, NEW.iban, NEW.holder_name, NEW.metadata, NEW.reference, NEW.salt)
       IS DISTINCT FROM
       (OLD.concept, OLD.iban, OLD.holder_name, OLD.metadata, OLD.reference, OLD.salt)
       AND num_nonnulls(NEW.concept, NEW.iban, NEW.holder_name, NEW.metadata, NEW.reference,
           NEW.salt) > 0
    THEN
        RAISE EXCEPTION 'the texts of a movement are erased together, and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_texts_are_only_erased';
    END IF;

    IF NEW.bank_file_id IS DISTINCT FROM OLD.bank_file_id%(unless)s
       AND (OLD.status <> 'PENDING' OR NEW.status <> 'PENDING'
            OR OLD.sent_at IS NOT NULL OR NEW.sent_at IS NOT NULL
            OR (OLD.bank_file_id IS NOT NULL AND NEW.bank_file_id IS NOT NULL))
    THEN
        RAISE EXCEPTION 'a cash-out is in one file at a time, until it is sent'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movement_is_in_one_file';
    END IF;
    RETURN NEW;
END
$$;
"""
UNLESS_TAKEN_BACK = {
    "declare": "DECLARE\n    is_taken_back boolean := false;\n",
    "taken": """\
    IF OLD.sent_at IS NOT NULL AND NEW.sent_at IS NULL
       AND OLD.status = 'PENDING' AND NEW.status = 'PENDING' AND NEW.bank_file_id IS NULL
    THEN
        is_taken_back := EXISTS (
            SELECT FROM wallets_bankfile WHERE id = OLD.bank_file_id AND state = 'TAKEN_BACK'
        );
    END IF;
""",
    "unless": " AND NOT is_taken_back",
}
AS_BEFORE = dict.fromkeys(UNLESS_TAKEN_BACK, "")

FILE_BUILT_ONCE = """
CREATE OR REPLACE FUNCTION bank_file_is_built_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a bank file is never removed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_never_removed';
    END IF;
    IF (NEW.id, NEW.message_id, NEW.account_id, NEW.currency, NEW.execution_date, NEW.count,
        NEW.control_sum, NEW.sha256, NEW.created_by, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.message_id, OLD.account_id, OLD.currency, OLD.execution_date, OLD.count,
        OLD.control_sum, OLD.sha256, OLD.created_by, OLD.created_at)
       OR NEW.content IS DISTINCT FROM OLD.content
          AND (NEW.content IS NOT NULL OR OLD.state IN ('BUILT', 'APPROVED'))
    THEN
        RAISE EXCEPTION 'a bank file is built once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_built_once';
    END IF;
    IF (OLD.approved_by <> '' AND
        (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at))
       OR (OLD.sent_by <> '' AND
           (NEW.sent_by, NEW.sent_at) IS DISTINCT FROM (OLD.sent_by, OLD.sent_at))
    THEN
        RAISE EXCEPTION 'a bank file is approved and sent once'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_approved_once';
    END IF;
    IF NEW.state <> OLD.state AND (
        OLD.state IN ('DISCARDED', 'REJECTED'%(taken)s
        OR NEW.state = 'BUILT'
        OR (NEW.state = 'DISCARDED' AND OLD.state <> 'BUILT')
        OR (NEW.state = 'APPROVED' AND OLD.state <> 'BUILT')
        OR (NEW.state = 'SENT' AND OLD.state <> 'APPROVED')
        OR (OLD.state = 'PARTIALLY_ACCEPTED' AND NEW.state = 'ACCEPTED'))
    THEN
        RAISE EXCEPTION 'a bank file never goes back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_never_goes_back';
    END IF;
    RETURN NEW;
END
$$;
"""
CAN_BE_TAKEN_BACK = """, 'TAKEN_BACK')
        OR (NEW.state = 'TAKEN_BACK' AND OLD.state <> 'APPROVED')"""

# The approval is written after what it does, so both are compared at the end of the transaction.
BY_TWO = """
CREATE FUNCTION bank_outcome_is_approved_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approval_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM users_approval AS approval
        JOIN wallets_movement AS movement
            ON movement.client_id = NEW.client_id AND movement.id = NEW.movement_id
            AND movement.wallet_id = NEW.wallet_id AND movement.status = 'SUCCESS'
            AND movement.counterparty_id IS NULL
        WHERE approval.id = NEW.approval_id AND approval.kind = 'SET_APART'
          AND approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
          AND approval.client_id = NEW.client_id AND approval.payload ->> 'why' = NEW.reason
          AND NEW.movement_id::text
              IN (approval.payload ->> 'movement', approval.payload ->> 'pair')
          AND (approval.payload ->> 'pair' IS NULL OR (
              SELECT count(*) = 2 AND sum(leg.amount) = 0
              FROM wallets_bankoutcome AS outcome
              JOIN wallets_movement AS leg
                  ON leg.client_id = outcome.client_id AND leg.id = outcome.movement_id
              WHERE outcome.client_id = NEW.client_id AND outcome.approval_id = approval.id
                AND outcome.movement_id IN (
                    (approval.payload ->> 'movement')::uuid, (approval.payload ->> 'pair')::uuid)
          ))
    ) THEN
        RAISE EXCEPTION 'two people set a movement apart'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_outcome_is_approved_by_two';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER bank_outcome_is_approved_by_two
    AFTER INSERT ON wallets_bankoutcome DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION bank_outcome_is_approved_by_two();

CREATE FUNCTION bank_file_is_taken_back_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM users_approval AS approval
        WHERE approval.id = NEW.approval_id AND approval.kind = 'TAKE_FILE_BACK'
          AND approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
          AND approval.subject_id = NEW.id::text
    ) THEN
        RAISE EXCEPTION 'two people take a bank file back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_file_is_taken_back_by_two';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER bank_file_is_taken_back_by_two
    AFTER INSERT OR UPDATE ON wallets_bankfile DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'TAKEN_BACK')
    EXECUTE FUNCTION bank_file_is_taken_back_by_two();
"""
NOT_BY_TWO = """
DROP TRIGGER bank_file_is_taken_back_by_two ON wallets_bankfile;
DROP FUNCTION bank_file_is_taken_back_by_two();
DROP TRIGGER bank_outcome_is_approved_by_two ON wallets_bankoutcome;
DROP FUNCTION bank_outcome_is_approved_by_two();
"""
ADDED = "(approval_id, dropped_at, lost_at)"
GRANT = f'GRANT UPDATE {ADDED} ON wallets_bankfile TO "{settings.DATABASE_ROLE}";'
REVOKE = f'REVOKE UPDATE {ADDED} ON wallets_bankfile FROM "{settings.DATABASE_ROLE}";'


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0021_add_source_of_cash_ins"),
        ("wallets", "0024_guard_bank_accounts"),
    ]

    operations: ClassVar = [
        migrations.RemoveConstraint(
            model_name="bankfile",
            name="bank_file_is_sent_before_it_is_answered",
        ),
        migrations.RemoveConstraint(
            model_name="bankfile",
            name="bank_file_is_discarded_with_a_reason",
        ),
        migrations.RemoveConstraint(
            model_name="bankoutcome",
            name="bank_outcome_has_what_its_state_needs",
        ),
        migrations.AddField(
            model_name="bankfile",
            name="approval_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="bankfile",
            name="dropped_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="bankfile",
            name="lost_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="bankoutcome",
            name="approval_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name="bankfile",
            name="state",
            field=models.CharField(
                choices=[
                    ("BUILT", "Waits for approval"),
                    ("APPROVED", "Approved"),
                    ("SENT", "Sent"),
                    ("ACCEPTED", "Accepted"),
                    ("PARTIALLY_ACCEPTED", "Partially accepted"),
                    ("REJECTED", "Rejected"),
                    ("DISCARDED", "Discarded"),
                    ("TAKEN_BACK", "Taken back"),
                ],
                default="BUILT",
                max_length=18,
                verbose_name="state",
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
                ],
                max_length=40,
                verbose_name="reason",
            ),
        ),
        migrations.AlterField(
            model_name="bankoutcome",
            name="line",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="outcomes",
                to="wallets.bankline",
            ),
        ),
        migrations.AlterField(
            model_name="bankoutcome",
            name="status",
            field=models.CharField(
                choices=[
                    ("MATCHED", "Matched"),
                    ("ASSIGNED", "Assigned"),
                    ("RETURNED", "Returned"),
                    ("IGNORED", "Set apart"),
                    ("SPLIT", "Split"),
                    ("SAME", "The same as another line"),
                    ("APART", "Movement set apart"),
                ],
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("sent_at", None),
                        ("sent_by", ""),
                        ("state__in", ["BUILT", "DISCARDED", "APPROVED", "TAKEN_BACK"]),
                    ),
                    models.Q(
                        ("state__in", ["SENT", "ACCEPTED", "PARTIALLY_ACCEPTED", "REJECTED"]),
                        models.Q(("sent_by", ""), _negated=True),
                        ("sent_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_sent_before_it_is_answered",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["DISCARDED", "TAKEN_BACK"]),
                        models.Q(("reason", ""), _negated=True),
                        models.Q(("discarded_by", ""), _negated=True),
                    ),
                    models.Q(
                        models.Q(("state__in", ["DISCARDED", "TAKEN_BACK"]), _negated=True),
                        ("discarded_by", ""),
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_discarded_with_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approval_id__isnull", False), ("state", "TAKEN_BACK")),
                    models.Q(
                        models.Q(("state", "TAKEN_BACK"), _negated=True), ("approval_id", None)
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_taken_back_by_an_approval",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("dropped_at", None), ("lost_at", None)),
                    models.Q(
                        models.Q(("sent_by", ""), _negated=True),
                        models.Q(("dropped_at", None), ("lost_at", None), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="bank_file_is_dropped_after_it_was_sent",
            ),
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
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="bank_outcome_has_what_its_state_needs",
            ),
        ),
        migrations.AddIndex(
            model_name="bankoutcome",
            index=models.Index(
                condition=models.Q(("status", "APART")),
                fields=["client"],
                name="bank_outcome_apart",
            ),
        ),
        migrations.RunSQL(
            MOVEMENT_WRITTEN_ONCE % UNLESS_TAKEN_BACK, MOVEMENT_WRITTEN_ONCE % AS_BEFORE
        ),
        migrations.RunSQL(
            FILE_BUILT_ONCE % {"taken": CAN_BE_TAKEN_BACK}, FILE_BUILT_ONCE % {"taken": ")"}
        ),
        migrations.RunSQL(BY_TWO, NOT_BY_TWO),
        migrations.RunSQL(GRANT, REVOKE),
    ]
