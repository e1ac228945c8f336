"""Equations about events and idempotency keys."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wallets.audit.equations import BY_MADE, BY_SUBJECT, Equation
from wallets.audit.schedules import RUN_EVENTS


class Recorded(NamedTuple):
    """A kind of object: where it is stored, and the events that each object must have."""

    subject: str
    """Its name in events and in idempotency keys. SQL in `expected` calls its row so too."""
    table: str
    wallet: str
    """The column with the id of its wallet; `id` if it is in none."""
    kinds: tuple[str, ...] = ()
    """The kinds of events that are compared; others are optional. If empty, all are compared."""
    expected: str = ""
    """SQL: the compared events of a row, in order. If empty, the one of `kinds`, once."""
    condition: str = ""
    """SQL: which rows of the table are such objects. If empty, all are."""

    @property
    def query(self) -> str:
        expected = self.expected or f"'{self.kinds[0]}'"
        return f"""
            SELECT '{self.subject}' AS subject, id, client_id, {self.wallet} AS wallet_id,
                   {expected} AS expected
            FROM {self.table} AS "{self.subject}"
            WHERE id BETWEEN %(first)s AND %(last)s {self.condition}
        """


MOVEMENT_EVENTS: Final = """
    CASE WHEN type <> 'CASH_OUT' AND status = 'SUCCESS' THEN 'movement.settled'
         WHEN type = 'CASH_OUT' THEN concat(
             'movement.pending', repeat(' movement.sent movement.recalled', (
                 SELECT count(*)::int FROM wallets_bankpayment AS payment
                 JOIN wallets_bankfile AS file ON file.id = payment.file_id
                 WHERE payment.movement_id = movement.id AND file.state = 'TAKEN_BACK'
             )), CASE WHEN sent_at IS NOT NULL THEN ' movement.sent' END,
             CASE status WHEN 'PENDING' THEN '' WHEN 'SUCCESS' THEN ' movement.settled'
                  WHEN 'ERROR' THEN ' movement.error'
                  WHEN 'CANCELLED' THEN ' movement.cancelled' END) END
"""
HOLD_EVENTS: Final = """
    'hold.placed' || repeat(' hold.partly_executed', (
        SELECT count(*)::int FROM wallets_movement WHERE hold_id = hold.id AND amount < 0
    ) - (status = 'EXECUTED')::int)
    || CASE WHEN status = 'OPEN' THEN '' ELSE ' hold.' || lower(status) END
"""
HOLD_KINDS: Final = (
    "hold.placed",
    "hold.partly_executed",
    "hold.executed",
    "hold.released",
    "hold.expired",
)
OWNED: Final = "'wallet.opened ' || user_id"
"""The event that opens a wallet contains its owner."""

RECORDED: Final = (
    Recorded("movement", "wallets_movement", "wallet_id", expected=MOVEMENT_EVENTS),
    Recorded(
        "hold", "wallets_hold", "wallet_id", HOLD_KINDS, HOLD_EVENTS, "AND target_id IS NOT NULL"
    ),
    Recorded("wallet", "wallets_wallet", "id", ("wallet.opened",), OWNED),
    Recorded("account", "wallets_externalaccount", "wallet_id", ("external_account.added",)),
    Recorded(
        "schedule",
        "wallets_scheduledoperation",
        "wallet_id",
        ("scheduled_operation.created",),
    ),
    Recorded("run", "wallets_scheduledrun", "wallet_id", expected=RUN_EVENTS),
    Recorded("user", "users_user", "id", ("user.created",)),
    Recorded("endpoint", "users_webhookendpoint", "id", ("webhook_endpoint.created",)),
)
"""All kinds of objects. A new resource is a new line."""


def literals(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


OBJECTS: Final = " UNION ALL ".join(each.query for each in RECORDED)
EVENTS: Final = f"""
    SELECT subject, subject_id AS id, client_id, coalesce(wallet_id, subject_id) AS wallet_id,
           count(*) AS number, min(kind) AS kind
    FROM users_event
    WHERE subject_id BETWEEN %(first)s AND %(last)s
      AND subject IN ({literals(each.subject for each in RECORDED)})
    GROUP BY subject_id, subject, client_id, coalesce(wallet_id, subject_id)
"""
KINDS: Final = f"""
    CASE WHEN recorded.number = 1 AND recorded.subject = 'movement' THEN recorded.kind ELSE (
        SELECT string_agg(
            concat_ws(' ', kind, CASE kind WHEN 'wallet.opened' THEN data ->> 'user' END),
            ' ' ORDER BY position + 0)
        FROM users_event
        WHERE subject_id = recorded.id AND subject = recorded.subject
          AND (subject IN ({literals(each.subject for each in RECORDED if not each.kinds)})
            OR kind IN ({literals(kind for each in RECORDED for kind in each.kinds)}))
    ) END
"""
"""The compared events of an object, in order.

Most movements have one event, so the subquery is skipped. `+ 0`: without statistics, all events
would be read by the index on positions instead of being sorted.
"""

ARCHIVED: Final = """
    (subject = 'movement' AND EXISTS (
        SELECT FROM wallets_movement AS movement, users_barrier AS barrier
        WHERE movement.id = compared.id AND movement.settled_at < barrier.archived_until
          AND coalesce(events, '') = btrim(replace(expected, 'movement.settled', ''))
    ))
"""
"""Whether what is missing is the event of a settlement before the archive's end. It is in a file
then (`users.archives`)."""


def exists(made: str, there: str) -> str:
    """Whether the object of a key of this kind still exists.

    `OFFSET 0`: each is looked up. Otherwise the planner may hash the whole table, in every step.
    """
    one = f"SELECT FROM {there} AND client_id = key.client_id OFFSET 0"
    return f"WHEN '{made}' THEN EXISTS ({one})"


MADE: Final[Mapping[str, str]] = {
    **{each.subject: f"{each.table} WHERE id = made_id" for each in RECORDED},
    "identity": "users_identityverification WHERE id = made_id",
    "terms": "users_termssignature WHERE id = made_id",
    "statement": "wallets_statementfile WHERE id = made_id",
    "batch": "wallets_movement WHERE operation_id = made_id",
    "operation": "wallets_movement WHERE operation_id = made_id",
    "evidence": """(
        SELECT id, client_id FROM users_kycdocument
        UNION ALL
        SELECT (data ->> 'id')::uuid, event.client_id
        FROM users_user AS person JOIN users_event AS event ON event.subject_id = person.id
        WHERE erased_at IS NOT NULL AND event.kind = 'user.kyc_document_sent'
    ) AS document WHERE id = made_id""",
}
"""Where to find the object that a key created."""

EQUATIONS: Final = (
    Equation(
        "events",
        "every object has the events of its changes, and every event has its object",
        BY_SUBJECT,
        f"""
        SELECT id, subject, expected, events
        FROM (
            SELECT id, subject, object.expected, {KINDS} AS events
            FROM ({OBJECTS}) AS object
            FULL JOIN ({EVENTS}) AS recorded USING (id, subject, client_id, wallet_id)
        ) AS compared
        WHERE (expected IS NULL OR expected IS DISTINCT FROM events) AND NOT {ARCHIVED}
        """,
        ("users_event", *(each.table for each in RECORDED)),
    ),
    Equation(
        "keys",
        "the object that an idempotency key created exists, or was erased with its user",
        BY_MADE,
        f"""
        SELECT client_id AS client, made, made_id AS id FROM users_key AS key
        WHERE made_id BETWEEN %(first)s AND %(last)s AND CASE made
            {" ".join(exists(made, there) for made, there in MADE.items())}
            ELSE false END IS NOT TRUE
        """,
        ("users_key",),
    ),
)
