-- Accounts as many as wallets, with the same ids and the same money, each put there by a transaction.
CREATE INDEX ON hordak_account (uuid);
CREATE INDEX ON hordak_transaction (uuid);

INSERT INTO hordak_account
    (uuid, name, code, full_code, type, is_bank_account, currencies, lft, rght, tree_id, level)
SELECT CASE n WHEN -1 THEN gen_random_uuid()
              ELSE ('0198c0de-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid END,
       'Account ' || n, NULL, NULL, CASE n WHEN -1 THEN 'LI' ELSE 'AS' END,
       false, '["EUR"]', 1, 2, n + 2, 0
FROM generate_series(-1, {wallets} - 1) AS n;

WITH made AS (
    INSERT INTO hordak_transaction (uuid, timestamp, date, description)
    SELECT gen_random_uuid(), now(), now()::date, account.id::text
    FROM hordak_account AS account WHERE type = 'AS'
    RETURNING id, description::bigint AS account_id
)
INSERT INTO hordak_leg (uuid, transaction_id, account_id, debit, credit, currency, description)
SELECT gen_random_uuid(), id, account_id, 100000, NULL, 'EUR', '' FROM made
UNION ALL
SELECT gen_random_uuid(), made.id, funds.id, NULL, 100000, 'EUR', ''
FROM made, hordak_account AS funds WHERE funds.type = 'LI';
