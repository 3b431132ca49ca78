-- One order as a plain service would write it: the same rows into the same tables and indexes, in one statement, so
-- that it is one round trip and one transaction. The id is time-ordered like ours (UUIDv7).
\set customer random(1, 100000)
\set quantity random(1, 9)
WITH made AS (
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
            || '7' || substr(gen_random_uuid()::text, 16, 3) || '8' || substr(gen_random_uuid()::text, 21, 3)
            || substr(gen_random_uuid()::text, 25, 12))::uuid AS id
), placed AS (
    INSERT INTO orders (id, created_at, updated_at, amount_minor, version, attempt, due_at, delay_us, lane, status, source,
                        currency, user_id, lines, adjustments, metadata)
    SELECT id, now(), now(), :quantity * 14999, 1, 0, now(), 0, 0, 1, 4, 'USD', 'user-' || :customer,
           '[{"sku":"KB-1","product_name":"Mechanical Keyboard","quantity":2,"unit_price":149.99,"total":299.98}]', '[]', '{}'
    FROM made
    RETURNING id, user_id
)
INSERT INTO events (seq, order_id, version, attempt, occurred_at, bits, event_type, history, user_id, request_id)
SELECT nextval('plain_seq'), id, 1, 0, now(), :customer, 1, false, user_id, '0199b0a27c1e7d428f5a0d6f0a9b3c11'
FROM placed;
