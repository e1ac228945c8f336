"""Equation about KYC levels: only approvals of staff raise them."""

from __future__ import annotations

from typing import Final

from wallets.audit.equations import BY_USER, Equation

EQUATIONS: Final = (
    Equation(
        "levels",
        "a user's KYC level, and its last day, follow from the approvals of staff, and from time",
        BY_USER,
        """
        SELECT id AS user, kyc_level AS level, kyc_until AS until, expected
        FROM (
            SELECT person.id, person.kind, kyc_level, kyc_until, expires_on, CASE
                WHEN person.kind = 'NATURAL' AND kinds @> ARRAY[
                        'IDENTITY', 'DOCUMENT_IDENTITY_FRONT']
                     AND (has_passport OR 'DOCUMENT_IDENTITY_BACK' = ANY(kinds))
                THEN CASE WHEN kinds @> ARRAY[
                        'HOME_ADDRESS', 'EXTERNAL_IBAN', 'FINANCIAL_INFORMATION', 'OCCUPATION',
                        'DOCUMENT_EXTERNAL_IBAN', 'DOCUMENT_INCOME_TAX'] THEN 2 ELSE 1 END
                WHEN person.kind = 'JURIDICAL' AND kinds @> ARRAY[
                        'HOME_ADDRESS', 'EXTERNAL_IBAN', 'DOCUMENT_COMPANY_DEED']
                THEN 2 ELSE 0 END AS expected
            FROM users_user AS person
            LEFT JOIN LATERAL (
                SELECT array_agg(kind::text) AS kinds,
                       bool_or(kind = 'IDENTITY' AND facts ->> 'identity_type' = 'PASSPORT')
                           AS has_passport,
                       max(expires_on) FILTER (WHERE kind = 'IDENTITY') AS expires_on
                FROM users_kycdocument AS document
                WHERE status = 'APPROVED' AND user_id = person.id
                  AND client_id = person.client_id
                  AND EXISTS (
                      SELECT FROM users_event AS event
                      WHERE event.subject_id = document.user_id
                        AND event.kind = 'user.kyc_document_approved'
                        AND event.data ->> 'id' = document.id::text
                        AND event.actor = document.reviewed_by)
            ) AS approved ON true
            WHERE person.id BETWEEN %(first)s AND %(last)s AND person.erased_at IS NULL
        ) AS person
        WHERE (kyc_level IS DISTINCT FROM expected
           OR kyc_until IS DISTINCT FROM
              CASE WHEN kind = 'NATURAL' AND expected > 0 THEN expires_on END)
          AND (kind = 'NATURAL' AND kyc_level = 0 AND kyc_until IS NULL
               AND expires_on < (iocash_now() AT TIME ZONE 'UTC')::date) IS NOT TRUE
        """,
        ("users_user",),
    ),
)
"""Erased users are skipped: their approvals are deleted, and their level has no effect.

The documents are looked up for each user (LATERAL). As one aggregate of all documents, a planner
without statistics would read that once for each user.
"""
