"""Equations about bank lines: each is explained exactly once, or in suspense."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Final

from wallets.audit.equations import AT_ONCE, BY_BANK, BY_OPERATION, BY_SUBJECT, Equation

SINCE_BANK: Final = """
    SELECT coalesce(client.cash_ins_since, client.created_at) + interval '1 minute'
"""
"""Since when the bank is the source of the cash-ins of `client`, at the latest: a cash-in that was
being posted at the change is no fault. A trigger writes the time of the change."""

EQUATIONS: Final = (
    Equation(
        "bank_movements",
        "a matched or assigned bank line has a settled movement of its amount, and only one line",
        BY_BANK,
        """
        SELECT outcome.id AS outcome, outcome.line_id AS line, outcome.movement_id AS movement,
               line.sign * line.amount AS amount, movement.amount AS moved
        FROM wallets_bankoutcome AS outcome
        JOIN wallets_bankline AS line ON line.id = outcome.line_id
        LEFT JOIN wallets_movement AS movement
            ON movement.id = outcome.movement_id AND movement.client_id = outcome.client_id
            AND movement.wallet_id = outcome.wallet_id AND movement.currency = line.currency
            AND movement.status = 'SUCCESS' AND movement.counterparty_id IS NULL
            AND movement.amount = line.sign * line.amount
        WHERE outcome.id BETWEEN %(first)s AND %(last)s
          AND outcome.status IN ('MATCHED', 'ASSIGNED') AND (
              movement.id IS NULL OR EXISTS (
                  SELECT FROM wallets_bankoutcome AS other
                  WHERE other.id <> outcome.id
                    AND (other.movement_id = outcome.movement_id
                         OR other.line_id = outcome.line_id)
              )
          )
        """,
        ("wallets_bankoutcome",),
    ),
    Equation(
        "bank_lines",
        "a bank line is in suspense, or has one outcome",
        BY_BANK,
        """
        SELECT line.id AS line, line.is_open, count(outcome.id) AS outcomes
        FROM wallets_bankline AS line
        LEFT JOIN wallets_bankoutcome AS outcome ON outcome.line_id = line.id
        WHERE line.id BETWEEN %(first)s AND %(last)s
        GROUP BY line.id, line.is_open
        HAVING count(outcome.id) > 1 OR NOT line.is_open AND count(outcome.id) <> 1
        """,
        ("wallets_bankline",),
    ),
    Equation(
        "bank_parts",
        "the parts of an entry, and of a split line, add up to it",
        AT_ONCE,
        """
        SELECT min(line.id::text)::uuid AS line, line.entry_amount AS amount,
               sum(line.amount)::bigint AS parts
        FROM wallets_bankline AS line WHERE line.parent_id IS NULL
        GROUP BY line.account_id, line.reference, line.booking_date, line.entry_amount, line.sign,
                 line.index
        HAVING sum(line.amount) <> line.entry_amount
        UNION ALL
        SELECT line.id, line.amount, coalesce(parts.amount, 0)
        FROM wallets_bankline AS line
        LEFT JOIN wallets_bankoutcome AS outcome
            ON outcome.line_id = line.id AND outcome.status = 'SPLIT'
        LEFT JOIN (
            SELECT parent_id, sum(amount)::bigint AS amount FROM wallets_bankline
            WHERE parent_id IS NOT NULL GROUP BY parent_id
        ) AS parts ON parts.parent_id = line.id
        WHERE (outcome.id IS NOT NULL) <> (parts.parent_id IS NOT NULL)
           OR parts.amount <> line.amount
        """,
        ("wallets_bankline",),
    ),
    Equation(
        "bank_decisions",
        "what staff have decided about a bank line was asked and approved by two people",
        BY_BANK,
        """
        SELECT outcome.id AS outcome, outcome.line_id AS line, outcome.decision_id AS decision
        FROM wallets_bankoutcome AS outcome
        LEFT JOIN wallets_bankdecision AS decision
            ON decision.id = outcome.decision_id AND decision.line_id = outcome.line_id
        WHERE outcome.id BETWEEN %(first)s AND %(last)s
          AND outcome.status NOT IN ('MATCHED', 'APART')
          AND (decision.is_approved AND decision.asked_by <> decision.answered_by
               AND decision.asked_by LIKE 'staff:%%' AND decision.answered_by LIKE 'staff:%%')
              IS NOT TRUE
        """,
        ("wallets_bankoutcome",),
    ),
    Equation(
        "bank_apart",
        "a movement without a bank line was set apart by two people, alone or with its opposite",
        BY_BANK,
        """
        SELECT outcome.id AS outcome, outcome.movement_id AS movement,
               outcome.approval_id AS approval, outcome.reason
        FROM wallets_bankoutcome AS outcome
        LEFT JOIN wallets_movement AS movement
            ON movement.id = outcome.movement_id AND movement.client_id = outcome.client_id
            AND movement.wallet_id = outcome.wallet_id AND movement.status = 'SUCCESS'
            AND movement.counterparty_id IS NULL
        LEFT JOIN users_approval AS approval
            ON approval.id = outcome.approval_id AND approval.kind = 'SET_APART'
            AND approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
            AND approval.client_id = outcome.client_id
            AND approval.payload ->> 'why' = outcome.reason
            AND outcome.movement_id::text
                IN (approval.payload ->> 'movement', approval.payload ->> 'pair')
        WHERE outcome.id BETWEEN %(first)s AND %(last)s AND outcome.status = 'APART'
          AND (movement.id IS NULL OR approval.id IS NULL
            OR approval.payload ->> 'pair' IS NOT NULL AND NOT EXISTS (
                SELECT FROM wallets_bankoutcome AS other
                JOIN wallets_movement AS leg
                    ON leg.id = other.movement_id AND leg.client_id = other.client_id
                WHERE other.approval_id = outcome.approval_id AND other.id <> outcome.id
                  AND other.status = 'APART' AND leg.amount = -movement.amount
                  AND leg.currency = movement.currency
                  AND leg.id::text IN (approval.payload ->> 'movement', approval.payload ->> 'pair')
            )
            OR EXISTS (
                SELECT FROM wallets_bankoutcome AS other
                WHERE other.movement_id = outcome.movement_id AND other.id <> outcome.id
            ))
        """,
        ("wallets_bankoutcome",),
    ),
    Equation(
        "bank_returns",
        "a debit that returns a credit has its amount and its account",
        BY_BANK,
        """
        SELECT outcome.id AS outcome, outcome.line_id AS line, outcome.pair_id AS pair
        FROM wallets_bankoutcome AS outcome
        JOIN wallets_bankline AS line ON line.id = outcome.line_id
        LEFT JOIN wallets_bankline AS pair
            ON pair.id = outcome.pair_id AND pair.account_id = line.account_id
            AND pair.amount = line.amount AND pair.sign > 0
        WHERE outcome.id BETWEEN %(first)s AND %(last)s AND outcome.status = 'RETURNED'
          AND line.sign < 0 AND pair.id IS NULL
        """,
        ("wallets_bankoutcome",),
    ),
    Equation(
        "bank_pairs",
        "a line that is the same as another one has its account, amount and sign",
        BY_BANK,
        """
        SELECT outcome.id AS outcome, outcome.line_id AS line, outcome.pair_id AS pair
        FROM wallets_bankoutcome AS outcome
        JOIN wallets_bankline AS line ON line.id = outcome.line_id
        LEFT JOIN wallets_bankline AS pair
            ON pair.id = outcome.pair_id AND pair.account_id = line.account_id
            AND pair.amount = line.amount AND pair.sign = line.sign
        WHERE outcome.id BETWEEN %(first)s AND %(last)s AND outcome.status = 'SAME'
          AND pair.id IS NULL
        """,
        ("wallets_bankoutcome",),
    ),
    Equation(
        "bank_statement_lines",
        "a bank line has the account and the currency of its statement, and of the line it is of",
        BY_BANK,
        """
        SELECT line.id AS line, line.statement_id AS statement
        FROM wallets_bankline AS line
        LEFT JOIN wallets_bankstatement AS statement
            ON statement.id = line.statement_id AND statement.account_id = line.account_id
        LEFT JOIN wallets_bankaccount AS account
            ON account.id = statement.account_id AND account.currency = line.currency
        LEFT JOIN wallets_bankline AS parent
            ON parent.id = line.parent_id AND parent.statement_id = line.statement_id
        WHERE line.id BETWEEN %(first)s AND %(last)s
          AND (account.id IS NULL OR line.parent_id IS NOT NULL AND parent.id IS NULL)
        """,
        ("wallets_bankline",),
    ),
    Equation(
        "unexplained",
        "a movement from or to the outside is on the list of the sweep until a line explains it",
        BY_SUBJECT,
        """
        SELECT movement.id AS movement, movement.settled_at, movement.amount,
               listed.amount AS listed
        FROM wallets_movement AS movement
        LEFT JOIN wallets_unexplainedmovement AS listed ON listed.movement_id = movement.id
        WHERE movement.id BETWEEN %(first)s AND %(last)s AND CASE
            WHEN listed.movement_id IS NOT NULL THEN
                (movement.counterparty_id IS NULL AND movement.status = 'SUCCESS'
                 AND (listed.client_id, listed.currency, listed.type, listed.amount,
                      listed.settled_at)
                     = (movement.client_id, movement.currency, movement.type, movement.amount,
                        movement.settled_at)) IS NOT TRUE
            ELSE movement.counterparty_id IS NULL AND movement.status = 'SUCCESS'
                AND movement.settled_at
                    < (SELECT max(swept_until) FROM wallets_safeguardingreport)
                AND NOT EXISTS (
                    SELECT FROM wallets_bankoutcome AS outcome
                    WHERE outcome.movement_id = movement.id
                ) END
        """,
        ("wallets_safeguardingreport",),
    ),
    Equation(
        "bank_uploads",
        "a file that staff have uploaded was released by another person before its import",
        AT_ONCE,
        """
        SELECT import.id AS file, import.upload_id AS upload, import.actor
        FROM (
            SELECT id, upload_id, sha256, actor FROM wallets_bankstatementfile
            UNION ALL
            SELECT id, upload_id, sha256, actor FROM wallets_bankreport
        ) AS import
        LEFT JOIN wallets_bankupload AS upload ON upload.id = import.upload_id
        WHERE (import.upload_id IS NOT NULL OR import.actor NOT LIKE 'system:%%')
          AND (upload.is_released AND upload.sha256 = import.sha256
               AND upload.answered_by = import.actor
               AND upload.uploaded_by <> upload.answered_by) IS NOT TRUE
        """,
        ("wallets_bankstatementfile", "wallets_bankreport"),
    ),
    Equation(
        "bank_statements",
        "a statement has the lines that it brought, and these are new or known entries of its file",
        BY_BANK,
        """
        SELECT statement.id AS statement, statement.new_lines, brought.lines,
               statement.new_total, brought.total
        FROM wallets_bankstatement AS statement
        JOIN wallets_bankaccount AS account ON account.id = statement.account_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS lines, coalesce(sum(line.sign * line.amount), 0) AS total
            FROM wallets_bankline AS line
            WHERE line.statement_id = statement.id AND line.parent_id IS NULL
        ) AS brought
        WHERE statement.id BETWEEN %(first)s AND %(last)s
          AND (brought.lines <> statement.new_lines OR brought.total <> statement.new_total
            OR account.purpose = 'SAFEGUARDING' AND statement.kind = 'camt.053' AND (
                statement.new_entries + statement.known_entries <> statement.entries
                OR statement.new_total + statement.known_total <> statement.total))
        """,
        ("wallets_bankstatement", "wallets_bankline"),
    ),
    Equation(
        "bank_statement_files",
        "a file of a bank has the statements that were read from it",
        BY_BANK,
        """
        SELECT file.id AS file, file.statement_count, count(statement.id) AS statements
        FROM wallets_bankstatementfile AS file
        LEFT JOIN wallets_bankstatement AS statement ON statement.file_id = file.id
        WHERE file.id BETWEEN %(first)s AND %(last)s
        GROUP BY file.id, file.statement_count
        HAVING count(statement.id) <> file.statement_count
            OR max(statement.place) <> file.statement_count - 1
        """,
        ("wallets_bankstatementfile",),
    ),
    Equation(
        "bank_cash_ins",
        "a cash-in of a client whose cash-ins come from the bank has a bank line",
        BY_OPERATION,
        f"""
        SELECT movement.id AS movement, movement.client_id AS client
        FROM wallets_movement AS movement
        JOIN users_client AS client ON client.id = movement.client_id
        LEFT JOIN wallets_bankoutcome AS outcome ON outcome.movement_id = movement.id
        WHERE movement.operation_id BETWEEN %(first)s AND %(last)s
          AND movement.type = 'CASH_IN' AND movement.status = 'SUCCESS' AND outcome.id IS NULL
          AND client.cash_ins = 'BANK' AND movement.settled_at > ({SINCE_BANK})
        """,
    ),
)
