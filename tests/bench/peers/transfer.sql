-- L1: a whole transfer in one function, which writes the same rows as the product: two movements
-- in the chains of their wallets, the key, two events, both wallets. What it writes, `audit` checks.

CREATE SCHEMA bench;

CREATE FUNCTION bench.wallet_id(number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('0198c0de-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid
$$;

CREATE FUNCTION bench.digest(previous bytea, line text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(line, 'UTF8'))
$$;

CREATE FUNCTION bench.micros(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (extract(epoch FROM moment) * 1000000)::bigint
$$;

-- UUIDs of version 7 are PostgreSQL's own from 18 on; before, they are put together.
CREATE FUNCTION bench.put_together() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid()) PLACING substring(int8send(
            floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1), 'hex')::uuid
$$;
DO $$
BEGIN
    EXECUTE format(
        'CREATE FUNCTION bench.new_id() RETURNS uuid LANGUAGE sql VOLATILE AS %L',
        CASE WHEN current_setting('server_version_num')::int >= 180000
             THEN 'SELECT uuidv7()' ELSE 'SELECT bench.put_together()' END
    );
END
$$;

CREATE FUNCTION bench.transfer(
    client uuid, actor text, payer uuid, payee uuid, minor bigint, order_key text
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    wallet wallets_wallet;
    source wallets_wallet;
    target wallets_wallet;
    owner record;
    made uuid;
    moment timestamptz;
    into_id uuid;
    out_id uuid;
    operation uuid;
    into_digest bytea;
    out_digest bytea;
    request text;
BEGIN
    FOR wallet IN
        SELECT * FROM wallets_wallet WHERE id IN (payer, payee) ORDER BY id FOR NO KEY UPDATE
    LOOP
        IF wallet.id = payer THEN source := wallet; ELSE target := wallet; END IF;
    END LOOP;
    SELECT made_id INTO made FROM users_key WHERE client_id = client AND key = order_key;
    IF FOUND THEN
        RETURN made;
    END IF;
    IF source.client_id IS DISTINCT FROM client OR target.client_id IS DISTINCT FROM client THEN
        RAISE EXCEPTION 'not_found';
    END IF;
    FOR owner IN
        SELECT status, kyc_level, kyc_until FROM users_user
        WHERE id IN (source.user_id, target.user_id)
    LOOP
        IF owner.status <> 'ACTIVATED' THEN
            RAISE EXCEPTION 'user_not_active';
        END IF;
        IF owner.kyc_level < 2 OR owner.kyc_until < (clock_timestamp() AT TIME ZONE 'UTC')::date THEN
            RAISE EXCEPTION 'limit_exceeded';
        END IF;
    END LOOP;
    IF source.status <> 'READY' OR target.status <> 'READY' THEN
        RAISE EXCEPTION 'wallet_not_ready';
    END IF;
    IF source.currency <> target.currency THEN
        RAISE EXCEPTION 'currency_mismatch';
    END IF;
    IF source.balance - source.held < minor THEN
        RAISE EXCEPTION 'insufficient_funds';
    END IF;
    IF target.balance + minor > 100000000000000000 OR payer = payee OR minor <= 0 THEN
        RAISE EXCEPTION 'limit_exceeded';
    END IF;

    moment := greatest(clock_timestamp(), source.settled_at + interval '1 microsecond',
                       target.settled_at + interval '1 microsecond');
    into_id := bench.new_id();
    out_id := bench.new_id();
    operation := bench.new_id();
    request := bench.new_id()::text;
    into_digest := bench.digest(target.head, concat_ws('|', 1, into_id, client, payee, operation,
        'TRANSFER', minor, target.currency, payer, '', '', target.seq + 1, target.balance + minor,
        target.received + minor, bench.micros(moment), bench.micros(moment)));
    out_digest := bench.digest(source.head, concat_ws('|', 1, out_id, client, payer, operation,
        'TRANSFER', -minor, source.currency, payee, '', '', source.seq + 1, source.balance - minor,
        source.received, bench.micros(moment), bench.micros(moment)));

    INSERT INTO wallets_movement
        (id, client_id, wallet_id, operation_id, type, status, amount, currency, counterparty_id,
         seq, balance_after, received_after, created_at, settled_at, digest, reason)
    VALUES
        (into_id, client, payee, operation, 'TRANSFER', 'SUCCESS', minor, target.currency, payer,
         target.seq + 1, target.balance + minor, target.received + minor, moment, moment,
         into_digest, ''),
        (out_id, client, payer, operation, 'TRANSFER', 'SUCCESS', -minor, source.currency, payee,
         source.seq + 1, source.balance - minor, source.received, moment, moment,
         out_digest, '');
    UPDATE wallets_wallet
    SET balance = target.balance + minor, received = target.received + minor,
        seq = target.seq + 1, head = into_digest, settled_at = moment
    WHERE id = payee;
    UPDATE wallets_wallet
    SET balance = source.balance - minor, seq = source.seq + 1, head = out_digest,
        settled_at = moment
    WHERE id = payer;
    INSERT INTO users_key (client_id, key, salt, fingerprint, made, made_id, status)
    SELECT client, order_key, salt, sha256(
            salt || sha256(convert_to(concat_ws('|', 'Transfer', payer, payee, minor), 'UTF8'))),
        'movement', out_id, 201
    FROM uuid_send(gen_random_uuid()) AS salt;
    INSERT INTO users_event
        (id, client_id, subject, subject_id, wallet_id, kind, actor, request_id, data)
    VALUES
        (uuidv7(), client, 'movement', into_id, payee, 'movement.settled', actor, request, '{}'),
        (uuidv7(), client, 'movement', out_id, payer, 'movement.settled', actor, request, '{}');
    RETURN out_id;
END
$$;

GRANT USAGE ON SCHEMA bench TO PUBLIC;
