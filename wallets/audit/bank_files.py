"""Equations about files for the bank: each cash-out is in one file, and ends as the bank says."""

from __future__ import annotations

from typing import Final

from wallets.audit.equations import BY_BANK, Equation

EQUATIONS: Final = (
    Equation(
        "files",
        "a cash-out is in the file that has it as a payment, and is sent with its approval",
        BY_BANK,
        """
        SELECT movement.id AS movement, movement.bank_file_id AS file, file.state
        FROM wallets_movement AS movement
        LEFT JOIN wallets_bankpayment AS payment
            ON payment.movement_id = movement.id AND payment.file_id = movement.bank_file_id
            AND payment.client_id = movement.client_id AND payment.wallet_id = movement.wallet_id
            AND payment.currency = movement.currency AND payment.amount = -movement.amount
        LEFT JOIN wallets_bankfile AS file ON file.id = payment.file_id
            AND file.currency = movement.currency
        WHERE movement.bank_file_id IS NOT NULL AND movement.id BETWEEN %(first)s AND %(last)s
          AND (file.id IS NULL OR file.state IN ('DISCARDED', 'TAKEN_BACK')
            OR (movement.sent_at IS NULL) <> (file.approved_by = '')
            OR movement.type <> 'CASH_OUT')
        UNION ALL
        SELECT payment.movement_id, payment.file_id, file.state
        FROM wallets_bankpayment AS payment
        JOIN wallets_bankfile AS file ON file.id = payment.file_id
        LEFT JOIN wallets_movement AS movement ON movement.id = payment.movement_id
        WHERE payment.id BETWEEN %(first)s AND %(last)s
          AND file.state NOT IN ('DISCARDED', 'TAKEN_BACK')
          AND movement.bank_file_id IS DISTINCT FROM payment.file_id
        """,
        ("wallets_movement", "wallets_bankpayment"),
    ),
    Equation(
        "file_sums",
        "a file has the number and the sum of its payments, and pays from its account",
        BY_BANK,
        """
        SELECT file.id AS file, file.count, total.payments, file.control_sum, total.amount
        FROM wallets_bankfile AS file
        JOIN wallets_bankaccount AS account ON account.id = file.account_id
        LEFT JOIN LATERAL (
            SELECT count(*) AS payments, sum(amount) AS amount, min(number) AS first,
                   max(number) AS last
            FROM wallets_bankpayment WHERE file_id = file.id
        ) AS total ON true
        WHERE file.id BETWEEN %(first)s AND %(last)s
          AND (total.payments <> file.count OR total.amount IS DISTINCT FROM file.control_sum
            OR total.first <> 1 OR total.last <> file.count
            OR account.currency <> file.currency
            OR file.message_id <> replace(file.id::text, '-', ''))
        """,
        ("wallets_bankfile",),
    ),
    Equation(
        "files_taken_back",
        "a file that was taken back was handed over to nobody, and two people agreed",
        BY_BANK,
        """
        SELECT file.id AS file, file.approval_id AS approval
        FROM wallets_bankfile AS file
        LEFT JOIN users_approval AS approval
            ON approval.id = file.approval_id AND approval.kind = 'TAKE_FILE_BACK'
            AND approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
            AND approval.subject_id = file.id::text
        WHERE file.id BETWEEN %(first)s AND %(last)s AND file.state = 'TAKEN_BACK'
          AND (approval.id IS NULL OR file.sent_by <> '')
        """,
        ("wallets_bankfile",),
    ),
    Equation(
        "answers",
        "a cash-out ended as the bank has said of it, in answer to a file that was sent",
        BY_BANK,
        """
        SELECT payment.id AS payment, payment.status, movement.status AS movement_status
        FROM wallets_bankpayment AS payment
        LEFT JOIN wallets_bankfile AS file ON file.id = payment.file_id
        LEFT JOIN wallets_movement AS movement ON movement.id = payment.movement_id
        WHERE payment.id BETWEEN %(first)s AND %(last)s AND payment.status <> ''
          AND (file.sent_by = ''
            OR payment.status = 'RJCT' AND movement.status IS DISTINCT FROM 'ERROR'
            OR payment.status IN ('ACSC', 'ACCC')
                AND movement.status IS DISTINCT FROM 'SUCCESS')
        """,
        ("wallets_bankpayment",),
    ),
)
