"""What the owner of the tables may do to rows, and which equation names which row then."""

from __future__ import annotations

NEW_ID = "'01980000-0000-7000-8000-000000000000'"
WALLET = "UPDATE wallets_wallet SET {} WHERE id = %({})s"
MOVEMENT = "UPDATE wallets_movement SET {} WHERE id = %({})s"
ACCOUNT = "UPDATE wallets_externalaccount SET {} WHERE id = %(account)s"
HOLD = "UPDATE wallets_hold SET {} WHERE id = %(hold)s"
EARLIER = "created_at = created_at - interval '1us'"
LATER = "settled_at = settled_at + interval '1us'"
HEX = r"'\x00'"

EVENT = "UPDATE users_event SET {} WHERE subject_id = %({})s AND kind = '{}'"
NO_EVENT = "DELETE FROM users_event WHERE subject_id = %({})s AND kind = '{}'"
NO_MOVEMENT = "DELETE FROM wallets_movement WHERE id = %({})s"
TOMORROW = "now() + interval '1 day'"

WRONG_PROMISES = [
    (
        "details",
        MOVEMENT.format("iban = 'ES7921000813610123456789'", "waiting"),
        "movement",
        "waiting",
    ),
    (
        "details",
        MOVEMENT.format("iban = 'ES7921000813610123456789'", "rejected"),
        "movement",
        "rejected",
    ),
    ("promises", MOVEMENT.format("amount = -900", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("wallet_id = %(bobs)s", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("currency = 'USD'", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format(EARLIER, "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format(f"operation_id = {NEW_ID}", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format(f"details_digest = {HEX}", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("digest = ''", "waiting"), "promise", "waiting"),
    ("promises", MOVEMENT.format("amount = -900", "rejected"), "promise", "rejected"),
    ("promises", MOVEMENT.format("amount = -900", "cancelled"), "promise", "cancelled"),
    ("promises", HOLD.format("target_id = wallet_id"), "promise", "hold"),
    ("promises", HOLD.format("amount = amount + 1, remaining = remaining + 1"), "promise", "hold"),
    ("promises", HOLD.format("currency = 'USD'"), "promise", "hold"),
    ("promises", HOLD.format(EARLIER), "promise", "hold"),
    ("promises", HOLD.format(f"details_digest = {HEX}"), "promise", "hold"),
    ("details", HOLD.format("concept = 'Another'"), "movement", "hold"),
    ("details", HOLD.format("concept = NULL, metadata = NULL, salt = NULL"), "movement", "hold"),
    (
        "details",
        MOVEMENT.format("concept = NULL, metadata = NULL, salt = NULL", "out"),
        "movement",
        "out",
    ),
    ("details", MOVEMENT.format("concept = 'Gift'", "cash_in"), "movement", "cash_in"),
    ("details", MOVEMENT.format("details_digest = NULL", "out"), "movement", "out"),
    (
        "holds",
        "UPDATE wallets_hold SET ended_at = ended_at + interval '1s' WHERE id = %(expired)s",
        "hold",
        "expired",
    ),
]
"""What was pending or open, or ended without moving money; and texts."""

WRONG_EVENTS = [
    ("events", NO_MOVEMENT.format("rejected"), "id", "rejected"),
    ("events", NO_MOVEMENT.format("cash_in"), "id", "cash_in"),
    ("events", "DELETE FROM wallets_hold WHERE id = %(expired)s", "id", "expired"),
    ("events", MOVEMENT.format("status = 'CANCELLED', reason = ''", "rejected"), "id", "rejected"),
    ("events", MOVEMENT.format("status = 'ERROR', reason = 'Closed'", "waiting"), "id", "waiting"),
    ("events", MOVEMENT.format("sent_at = created_at", "waiting"), "id", "waiting"),
    ("events", MOVEMENT.format("sent_at = NULL", "rejected"), "id", "rejected"),
    ("events", NO_EVENT.format("out", "movement.settled"), "id", "out"),
    ("events", NO_EVENT.format("waiting", "movement.pending"), "id", "waiting"),
    ("events", NO_EVENT.format("rejected", "movement.error"), "id", "rejected"),
    ("events", NO_EVENT.format("rejected", "movement.sent"), "id", "rejected"),
    ("events", NO_EVENT.format("hold", "hold.placed"), "id", "hold"),
    ("events", NO_EVENT.format("hold", "hold.partly_executed"), "id", "hold"),
    ("events", NO_EVENT.format("expired", "hold.expired"), "id", "expired"),
    ("events", NO_EVENT.format("account", "external_account.added"), "id", "account"),
    ("events", "DELETE FROM wallets_externalaccount WHERE id = %(account)s", "id", "account"),
    ("events", NO_EVENT.format("alices", "wallet.opened"), "id", "alices"),
    ("events", NO_EVENT.format("alice", "user.created"), "id", "alice"),
    ("events", EVENT.format(f"subject_id = {NEW_ID}", "out", "movement.settled"), "id", "new"),
    ("events", EVENT.format("wallet_id = %(bobs)s", "out", "movement.settled"), "id", "out"),
    ("events", EVENT.format(f"subject_id = {NEW_ID}", "alice", "user.verified"), "id", "new"),
    ("events", EVENT.format("kind = 'movement.pending'", "out", "movement.settled"), "id", "out"),
    ("events", EVENT.format("kind = 'hold.released'", "expired", "hold.expired"), "id", "expired"),
    (
        "events",
        (
            "INSERT INTO users_event (id, client_id, subject, subject_id, wallet_id, kind, actor,"
            " request_id, data) SELECT gen_random_uuid(), client_id, subject, subject_id,"
            " wallet_id, kind, actor,"
            " request_id, data FROM users_event WHERE subject_id = %(out)s"
        ),
        "id",
        "out",
    ),
    (
        "events",
        WALLET.format(
            "user_id = (SELECT user_id FROM wallets_wallet WHERE id = %(bobs)s)", "alices"
        ),
        "id",
        "alices",
    ),
]
"""A thing without its events, with others, or events without their thing; a wallet given away."""

FREEZE = "UPDATE wallets_hold SET {} WHERE id = %({})s"
FREEZE_EVENT = "users_event {} WHERE kind = 'wallet.amount_{}' AND data ->> 'freeze' = %({})s::text"
NO_EVENT_OF_FREEZE = "DELETE FROM " + FREEZE_EVENT.format("", "{}", "{}")
EVENT_OF_FREEZE = "UPDATE " + FREEZE_EVENT.format("SET {}", "{}", "{}")
WRONG_FREEZES = [
    ("promises", FREEZE.format("case_id = case_id + 1", "frozen"), "promise", "frozen"),
    ("promises", FREEZE.format("target_id = %(bobs)s", "frozen"), "promise", "frozen"),
    ("promises", HOLD.format("target_id = NULL"), "promise", "hold"),
    ("details", FREEZE.format("concept = 'Another'", "lifted"), "movement", "lifted"),
    ("held", FREEZE.format("remaining = 1", "frozen"), "wallet", "alices"),
    ("holds", FREEZE.format("remaining = 1", "frozen"), "hold", "frozen"),
    ("holds", FREEZE.format("amount = 100", "frozen"), "hold", "frozen"),
    ("executions", MOVEMENT.format("hold_id = %(lifted)s", "execution"), "movement", "execution"),
    ("freezes", NO_EVENT_OF_FREEZE.format("frozen", "frozen"), "freeze", "frozen"),
    ("freezes", NO_EVENT_OF_FREEZE.format("unfrozen", "lifted"), "freeze", "lifted"),
    ("freezes", FREEZE.format("status = 'RELEASED'", "frozen"), "freeze", "frozen"),
    ("freezes", FREEZE.format("amount = amount + 1", "lifted"), "freeze", "lifted"),
    ("freezes", FREEZE.format("case_id = case_id + 1", "lifted"), "freeze", "lifted"),
    ("freezes", FREEZE.format("currency = 'USD'", "lifted"), "freeze", "lifted"),
    (
        "freezes",
        EVENT_OF_FREEZE.format("subject_id = %(bobs)s", "unfrozen", "lifted"),
        "freeze",
        "lifted",
    ),
]
"""Freezes that are others than their events say, or that were executed."""

WRONG_PAIRS = [
    ("legs", MOVEMENT.format(f"details_digest = {HEX}", "out"), "movement", "first"),
    ("legs", MOVEMENT.format("details_digest = NULL", "out"), "movement", "first"),
    ("legs", MOVEMENT.format(LATER, "into"), "movement", "first"),
    ("legs", MOVEMENT.format("amount = 1000", "out"), "movement", "first"),
    (
        "legs",
        (
            "INSERT INTO wallets_movement SELECT (jsonb_populate_record(movement,"
            f" jsonb_build_object('id', {NEW_ID}, 'seq', 99))).*"
            " FROM wallets_movement AS movement WHERE id = %(into)s"
        ),
        "movement",
        "third",
    ),
    ("reversals", MOVEMENT.format("reversal_of_id = %(twin)s", "reversal"), "movement", "reversal"),
]
"""Pairs of legs that do not match, and a leg too many."""

WRONG_TIMES = [
    ("future", WALLET.format(f"settled_at = {TOMORROW}", "bobs"), "wallet", "bobs"),
    ("future", MOVEMENT.format(f"created_at = {TOMORROW}", "waiting"), "dated", "waiting"),
    ("future", HOLD.format(f"created_at = {TOMORROW}"), "dated", "hold"),
    (
        "future",
        f"UPDATE wallets_hold SET ended_at = {TOMORROW} WHERE id = %(expired)s",
        "dated",
        "expired",
    ),
    ("chain", MOVEMENT.format("settled_at = NULL", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("digest = NULL", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("balance_after = NULL", "out"), "movement", "out"),
    ("balance", WALLET.format("head = NULL", "alices"), "wallet", "alices"),
    ("balance", WALLET.format("balance = NULL", "alices"), "wallet", "alices"),
    ("held", WALLET.format("held = NULL", "alices"), "wallet", "alices"),
    ("outside", WALLET.format("currency = 'USD'", "bobs"), "client", "client"),
]
"""Dates that have not come yet, and NULLs, which no comparison by <> tells."""

WRONG_LEVELS = [
    ("levels", "UPDATE users_user SET kyc_level = 2 WHERE id = %(alice)s", "user", "alice"),
    ("levels", "UPDATE users_user SET kyc_level = 1 WHERE id = %(bob)s", "user", "bob"),
    ("levels", "UPDATE users_user SET kyc_level = 0 WHERE id = %(alice)s", "user", "alice"),
    ("levels", "UPDATE users_user SET kyc_until = NULL WHERE id = %(alice)s", "user", "alice"),
    (
        "levels",
        (
            "UPDATE users_kycdocument SET status = 'REPLACED'"
            " WHERE user_id = %(alice)s AND kind = 'IDENTITY'"
        ),
        "user",
        "alice",
    ),
    (
        "levels",
        (
            "UPDATE users_event SET actor = 'system:nobody' WHERE subject_id = %(alice)s"
            " AND kind = 'user.kyc_document_approved' AND data ->> 'evidence' = 'IDENTITY'"
        ),
        "user",
        "alice",
    ),
]
"""Levels that no approval gave, or approvals that nobody made."""

SPOILED = [
    ("accounts", MOVEMENT.format("external_account_id = %(account)s", "out"), "movement", "out"),
    (
        "accounts",
        MOVEMENT.format(f"external_account_id = {NEW_ID}", "waiting"),
        "movement",
        "waiting",
    ),
    ("accounts", ACCOUNT.format("iban = 'ES7921000813610123456789'"), "movement", "stored"),
    ("accounts", ACCOUNT.format("holder_name = 'Bob'"), "movement", "stored"),
    ("balance", WALLET.format("balance = balance + 1", "alices"), "wallet", "alices"),
    ("balance", WALLET.format("seq = seq + 1", "bobs"), "wallet", "bobs"),
    ("balance", WALLET.format(f"head = {HEX}", "bobs"), "wallet", "bobs"),
    ("balance", WALLET.format(LATER, "bobs"), "wallet", "bobs"),
    ("balance", MOVEMENT.format("amount = 600", "cash_in"), "wallet", "bobs"),
    ("balance", "DELETE FROM wallets_movement WHERE id = %(cash_in)s", "wallet", "bobs"),
    ("held", WALLET.format("held = 1", "alices"), "wallet", "alices"),
    ("held", WALLET.format("held = -1", "bobs"), "wallet", "bobs"),
    ("balance", WALLET.format("received = received + 1", "alices"), "wallet", "alices"),
    ("held", HOLD.format("remaining = 1"), "wallet", "alices"),
    ("held", HOLD.format("status = 'RELEASED'"), "wallet", "alices"),
    ("holds", HOLD.format("remaining = remaining - 1"), "hold", "hold"),
    ("holds", HOLD.format("amount = 100"), "hold", "hold"),
    ("holds", MOVEMENT.format("amount = -600", "execution"), "hold", "hold"),
    ("holds", WALLET.format("next_expiry = NULL", "alices"), "hold", "hold"),
    ("holds", WALLET.format("next_expiry = 'infinity'", "alices"), "hold", "hold"),
    ("executions", HOLD.format("target_id = wallet_id"), "movement", "executions"),
    ("executions", HOLD.format(f"id = {NEW_ID}"), "movement", "executions"),
    ("executions", MOVEMENT.format("counterparty_id = NULL", "execution"), "movement", "execution"),
    ("reversals", MOVEMENT.format("amount = 1001", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("amount = -amount", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("reversal_of_id = id", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("reversal_of_id = %(into)s", "reversal"), "movement", "reversal"),
    (
        "reversals",
        MOVEMENT.format(f"reversal_of_id = {NEW_ID}", "reversal"),
        "movement",
        "reversal",
    ),
    ("reversals", MOVEMENT.format("counterparty_id = NULL", "reversal"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("type = 'REVERSAL'", "out"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("status = 'ERROR'", "out"), "movement", "reversal"),
    ("reversals", MOVEMENT.format("seq = 99", "out"), "movement", "reversal"),
    ("legs", MOVEMENT.format("hold_id = NULL", "execution"), "movement", "executions"),
    ("legs", MOVEMENT.format("reversal_of_id = NULL", "reversal"), "movement", "reversals"),
    ("legs", MOVEMENT.format("amount = -1001", "out"), "movement", "first"),
    ("legs", MOVEMENT.format("counterparty_id = %(bobs)s", "into"), "movement", "first"),
    ("legs", MOVEMENT.format("type = 'CASH_IN'", "into"), "movement", "first"),
    ("legs", MOVEMENT.format(f"operation_id = {NEW_ID}", "into"), "movement", "first"),
    ("legs", MOVEMENT.format("status = 'ERROR'", "into"), "movement", "first"),
    ("legs", MOVEMENT.format("currency = 'USD'", "into"), "movement", "first"),
    ("legs", MOVEMENT.format(f"client_id = {NEW_ID}", "into"), "movement", "first"),
    ("legs", "DELETE FROM wallets_movement WHERE id = %(into)s", "movement", "out"),
    ("legs", "DELETE FROM wallets_movement WHERE id = %(out)s", "movement", "into"),
    ("legs", MOVEMENT.format("counterparty_id = %(alices)s", "cash_in"), "movement", "cash_in"),
    ("chain", MOVEMENT.format("amount = -1001", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("balance_after = 1", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("received_after = 1", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("hold_id = NULL", "execution"), "movement", "execution"),
    ("chain", MOVEMENT.format("reversal_of_id = NULL", "reversal"), "movement", "reversal"),
    ("chain", MOVEMENT.format("currency = 'USD'", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"client_id = {NEW_ID}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"wallet_id = {NEW_ID}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("seq = 9", "out"), "movement", "execution"),
    ("chain", MOVEMENT.format("type = 'CASH_IN'", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"operation_id = {NEW_ID}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("counterparty_id = NULL", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(EARLIER, "out"), "movement", "out"),
    ("chain", MOVEMENT.format(LATER, "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"digest = {HEX}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format(f"details_digest = {HEX}", "out"), "movement", "out"),
    ("chain", MOVEMENT.format("details_digest = NULL", "out"), "movement", "out"),
    ("chain", "DELETE FROM wallets_movement WHERE id = %(into)s", "movement", "executed"),
    ("details", MOVEMENT.format("concept = 'Dinner'", "out"), "movement", "out"),
    ("details", MOVEMENT.format("concept = NULL", "out"), "movement", "out"),
    ("details", MOVEMENT.format("iban = 'ES9121000418450200051332'", "out"), "movement", "out"),
    ("details", MOVEMENT.format("""metadata = '{"a": "2"}'""", "into"), "movement", "into"),
    ("details", MOVEMENT.format("metadata = NULL", "into"), "movement", "into"),
    ("details", MOVEMENT.format(f"salt = {HEX}", "out"), "movement", "out"),
    ("outside", WALLET.format("balance = balance + 1", "bobs"), "client", "client"),
    ("outside", MOVEMENT.format("amount = 600", "cash_in"), "client", "client"),
    ("outside", "DELETE FROM wallets_movement WHERE id = %(cash_in)s", "client", "client"),
    ("keys", f"UPDATE users_key SET made_id = {NEW_ID} WHERE key = 'k'", "client", "client"),
    ("keys", "UPDATE users_key SET made = 'wallet' WHERE key = 'k'", "client", "client"),
    ("keys", "UPDATE users_key SET made = 'gift' WHERE key = 'k'", "client", "client"),
    *WRONG_PROMISES,
    *WRONG_EVENTS,
    *WRONG_FREEZES,
    *WRONG_PAIRS,
    *WRONG_TIMES,
]

RUN = "UPDATE wallets_scheduledrun SET {} WHERE id = %({})s"
SCHEDULE = "UPDATE wallets_scheduledoperation SET {} WHERE id = %(schedule)s"
WRONG_RUNS = [
    ("runs", RUN.format("amount = amount + 1", "paid"), "run", "paid"),
    ("runs", RUN.format("movement_id = %(other)s", "paid"), "run", "paid"),
    ("runs", RUN.format("movement_id = %(taken)s", "paid"), "run", "paid"),
    ("runs", RUN.format(f"movement_id = {NEW_ID}", "paid"), "run", "paid"),
    ("runs", RUN.format("status = 'PENDING'", "paid"), "run", "paid"),
    ("runs", RUN.format("status = 'SUCCESS'", "pending"), "run", "pending"),
    ("runs", SCHEDULE.format("target_id = %(third)s"), "run", "paid"),
    ("schedules", RUN.format("number = 7", "failed"), "schedule", "schedule"),
    ("schedules", "DELETE FROM wallets_scheduledrun WHERE id = %(paid)s", "schedule", "schedule"),
    ("schedules", SCHEDULE.format("next_number = 2"), "schedule", "schedule"),
    ("events", "DELETE FROM wallets_scheduledrun WHERE id = %(failed)s", "id", "failed"),
    ("events", NO_EVENT.format("paid", "scheduled_execution.succeeded"), "id", "paid"),
    (
        "events",
        EVENT.format(
            "kind = 'scheduled_execution.failed'", "paid", "scheduled_execution.succeeded"
        ),
        "id",
        "paid",
    ),
    ("events", NO_EVENT.format("schedule", "scheduled_operation.created"), "id", "schedule"),
]

OF_THE_BANK = {
    *("bank_accounts", "bank_openings", "bank_sources"),
    *("answers", "bank_apart", "file_sums", "files", "files_taken_back"),
    *("bank_decisions", "bank_lines", "bank_movements", "bank_pairs", "bank_parts"),
    *("bank_cash_ins", "bank_returns", "bank_statement_files", "bank_statement_lines"),
    *("bank_statements", "bank_uploads", "unexplained"),
}
"""The equations that the tests of the bank violate."""
OF_MOVEMENT = "UPDATE users_event SET {} WHERE subject_id = %({})s"
WRONG_APPROVALS = [
    ({"deeds", "approvals"}, OF_MOVEMENT.format("data = data - 'approval'", "made")),
    ({"approvals"}, OF_MOVEMENT.format("actor = 'staff:0'", "made")),
    (
        {"approvals"},
        OF_MOVEMENT.format("data = data || jsonb_build_object('approval', %(approval)s)", "alone"),
    ),
    (
        {"approvals"},
        OF_MOVEMENT.format(
            "data = data || jsonb_build_object('approval', gen_random_uuid())", "alone"
        ),
    ),
    ({"approvals"}, "UPDATE users_approval SET made_id = NULL WHERE id = %(approval)s::uuid"),
    ({"approvals"}, "UPDATE users_approval SET amount = amount + 1 WHERE id = %(approval)s::uuid"),
    ({"approvals"}, "UPDATE users_approval SET amount = amount + 1 WHERE kind = 'REVERSAL'"),
    (
        {"approvals"},
        "UPDATE users_approval SET kind = 'ADJUSTMENT' WHERE id = %(approval)s::uuid",
    ),
    ({"deeds"}, "UPDATE users_threshold SET amount = 4_99 WHERE version = 1"),
    ({"deeds"}, "DELETE FROM users_threshold"),
    ({"deeds"}, "UPDATE users_threshold SET created_at = created_at + interval '1 day'"),
]
"""The equations that a change violates, and the change."""
