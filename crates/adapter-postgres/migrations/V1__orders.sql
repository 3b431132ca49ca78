-- One shard: its orders, their events, and one row that says which shard it is; then views of them in words and decimals.
-- Everything that belongs to an order can be deleted by its id. There are no foreign keys: all rows of an order are
-- written in one transaction, and a check per row would cost more than the row.

CREATE TABLE shard (
    the_only_row boolean PRIMARY KEY DEFAULT true CHECK (the_only_row),
    -- Which shard of how many, and by which map. Written at the first start, compared at every later one.
    number       integer NOT NULL,
    shards       integer NOT NULL,
    map          text    NOT NULL,
    -- Updating this row just before COMMIT is the lock that makes events.seq gapless and in commit order.
    last_seq     bigint  NOT NULL DEFAULT 0,
    -- The random bits of the event at last_seq.
    last_bits    integer NOT NULL DEFAULT 0,
    -- How many orders have each status.
    pending      bigint  NOT NULL DEFAULT 0,
    processing   bigint  NOT NULL DEFAULT 0,
    retrying     bigint  NOT NULL DEFAULT 0,
    processed    bigint  NOT NULL DEFAULT 0,
    failed       bigint  NOT NULL DEFAULT 0,
    on_hold      bigint  NOT NULL DEFAULT 0,
    cancelled    bigint  NOT NULL DEFAULT 0,
    -- How many orders were erased; they are in no other count.
    erased       bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- status: 1 PENDING, 2 PROCESSING, 3 RETRYING, 4 PROCESSED, 5 FAILED, 6 ON_HOLD, 7 CANCELLED.
-- source: 1 web, 2 pos, 3 mobile, 4 api, 5 import.
CREATE TABLE orders (
    id                uuid        NOT NULL PRIMARY KEY,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    -- In minor units of the currency (cents); orders_readable shows it as a decimal.
    amount_minor      bigint      NOT NULL,
    version           bigint      NOT NULL,
    attempt           bigint      NOT NULL,
    -- By this server's clock: when the work is due, while the order waits for a worker; when the lease ends, while a
    -- worker processes it.
    due_at            timestamptz,
    lease_until       timestamptz,
    process_after     timestamptz,
    -- What clients see of the next attempt, while RETRYING.
    retry_at          timestamptz,
    -- Since when the endpoint has given nothing but busy answers.
    busy_since        timestamptz,
    -- The delay after which the work is due, in microseconds, while the order waits. It starts anew if this server's
    -- clock is set back. NULL for work that is due at process_after.
    delay_us          bigint,
    -- Holds, releases and replays so far.
    operator_commands integer     NOT NULL DEFAULT 0,
    status            smallint    NOT NULL,
    source            smallint    NOT NULL,
    -- How the receipt looks (0 standard, 2 orderflow), plus 1 if it is kept in the receipt store.
    receipt_form      smallint    NOT NULL DEFAULT 0,
    -- While the order waits for a worker: 0 never tried, 1 tried before, 2 only its receipt is missing, 3 quarantined.
    lane              smallint,
    -- The home bucket, which is a part of the id. Workers go round the buckets of a lane.
    bucket            smallint    NOT NULL
        GENERATED ALWAYS AS ((get_byte(uuid_send(id), 6) & 15) * 256 + get_byte(uuid_send(id), 7)) STORED,
    -- The handler has done the work; what may be missing is the receipt.
    work_done         boolean     NOT NULL DEFAULT false,
    currency          text        NOT NULL,
    user_id           text        NOT NULL COLLATE "C",
    external_id       text        COLLATE "C",
    idempotency_key   text        COLLATE "C",
    -- SHA-256 of the command, if there is a key or an external id to compare it under.
    fingerprint       bytea,
    -- As clients see them: quantities and amounts are exact decimals in major units.
    lines             json        NOT NULL,
    adjustments       json        NOT NULL,
    metadata          json        NOT NULL,
    failure_code      text,
    failure_message   text,
    -- JSON as the handler wrote it; text, so that it is kept to the byte.
    result            text,
    receipt_key       text,
    CONSTRAINT waiting_orders_are_due        CHECK ((due_at IS NOT NULL) = (status IN (1, 3))),
    CONSTRAINT waiting_orders_have_lanes     CHECK ((lane IS NOT NULL) = (due_at IS NOT NULL)),
    CONSTRAINT processing_orders_have_leases CHECK ((lease_until IS NOT NULL) = (status = 2)),
    CONSTRAINT processed_orders_are_done     CHECK (work_done OR status <> 4)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX orders_by_key ON orders (idempotency_key, user_id) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX orders_by_external_id ON orders (external_id, user_id) WHERE external_id IS NOT NULL;
CREATE INDEX orders_by_user ON orders (user_id, id);
-- Waiting orders: the oldest due of each bucket of a lane, and of a lane.
CREATE INDEX orders_due_by_bucket ON orders (lane, bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_due ON orders (lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_leased ON orders (lease_until) WHERE lease_until IS NOT NULL;
-- The statuses that people look for and few orders have.
CREATE INDEX orders_in_trouble ON orders (status, id) WHERE status IN (3, 5, 6);

-- event_type: 1 created, 2 processing, 3 retrying, 4 processed, 5 failed, 6 held, 7 released, 8 cancelled, 9 replayed,
-- 10 erased.
CREATE TABLE events (
    seq             bigint      NOT NULL PRIMARY KEY,
    order_id        uuid        NOT NULL,
    version         bigint      NOT NULL,
    attempt         bigint      NOT NULL,
    occurred_at     timestamptz NOT NULL,
    retry_at        timestamptz,
    -- 32 random bits, as a signed number; all events of one transaction have the same. They tell apart the histories of
    -- a database and of its restored backup, which give the same seq to different events.
    bits            integer     NOT NULL,
    event_type      smallint    NOT NULL,
    -- Imported history: the change happened elsewhere, before the import.
    history         boolean     NOT NULL,
    -- NULL in a tombstone: the order was erased, and so is everything personal below.
    user_id         text        COLLATE "C",
    failure_code    text,
    failure_message text,
    request_id      text,
    trace_id        text,
    span_id         text,
    actor           text,
    reason          text
);

CREATE UNIQUE INDEX events_by_order ON events (order_id, version);

-- For people and their tools; ordermill itself reads none of what follows. docs/POSTGRES.md has queries to paste.

-- ISO 4217, withdrawn currencies included.
CREATE TABLE currencies (
    code       text     NOT NULL PRIMARY KEY,
    -- Digits after the decimal point.
    digits     smallint NOT NULL,
    -- What one minor unit is worth: 0.01 for USD.
    minor_unit numeric  NOT NULL
);

INSERT INTO currencies (code, digits, minor_unit)
SELECT code, digits, minor_unit
FROM (VALUES
    (0, 1, 'ADP BEF BIF BYB BYR CLP DJF ESP GNF GRD ISK ITL JPY KMF KRW LUF MGF PTE PYG ROL RWF TPE TRL UGX UYI '
             || 'VND VUV XAF XOF XPF'),
    (2, 0.01, 'AED AFA AFN ALK ALL AMD ANG AOA AOK AON AOR ARA ARP ARS ARY ATS AUD AWG AYM AZM AZN BAD BAM BBD BDT '
             || 'BEC BEL BGJ BGK BGL BGN BMD BND BOB BOP BOV BRB BRC BRE BRL BRN BRR BSD BTN BUK BWP BYN BZD CAD CDF '
             || 'CHC CHE CHF CHW CNY COP COU CRC CSD CSJ CSK CUC CUP CVE CYP CZK DDM DEM DKK DOP DZD ECS ECV EEK EGP '
             || 'ERN ESA ESB ETB EUR FIM FJD FKP FRF GBP GEK GEL GHC GHS GIP GMD GNE GNS GQE GTQ GWE GWP GYD HKD HNL '
             || 'HRD HRK HTG HUF IDR IEP ILP ILR ILS INR IRR ISJ JMD KES KGS KHR KPW KYD KZT LAJ LAK LBP LKR LRD LSL '
             || 'LSM LTL LTT LUC LUL LVL LVR MAD MDL MGA MKD MLF MMK MNT MOP MRO MRU MTL MTP MUR MVQ MVR MWK MXN MXP '
             || 'MXV MYR MZE MZM MZN NAD NGN NIC NIO NLG NOK NPR NZD PAB PEH PEI PEN PES PGK PHP PKR PLN PLZ QAR RHD '
             || 'ROK RON RSD RUB RUR SAR SBD SCR SDD SDG SDP SEK SGD SHP SIT SKK SLE SLL SOS SRD SRG SSP STD STN SUR '
             || 'SVC SYP SZL THB TJR TJS TMM TMT TOP TRY TTD TWD TZS UAH UAK UGS UGW USD USN USS UYN UYP UYU UZS VEB '
             || 'VED VEF VES VNC WST XAD XCD XCG XEU YDD YER YUD YUM YUN ZAL ZAR ZMK ZMW ZRN ZRZ ZWC ZWD ZWG ZWL ZWN '
             || 'ZWR'),
    (3, 0.001, 'BHD IQD JOD KWD LYD OMR TND'),
    (4, 0.0001, 'CLF UYW')
) AS listed (digits, minor_unit, codes), LATERAL unnest(string_to_array(codes, ' ')) AS code;

-- The smallest id of an order that was created at this time or later. Ids are in the order of created_at, so a
-- condition on id is a range of the primary key.
CREATE FUNCTION first_order_id(created_at timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN rpad(lpad(to_hex(ceil(extract(epoch FROM created_at) * 1000)::bigint), 12, '0'), 32, '0')::uuid;

CREATE VIEW orders_readable AS
SELECT o.id,
       o.created_at,
       o.updated_at,
       CASE o.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'PROCESSING' WHEN 3 THEN 'RETRYING' WHEN 4 THEN 'PROCESSED'
                     WHEN 5 THEN 'FAILED' WHEN 6 THEN 'ON_HOLD' WHEN 7 THEN 'CANCELLED' END AS status,
       CASE o.source WHEN 1 THEN 'web' WHEN 2 THEN 'pos' WHEN 3 THEN 'mobile' WHEN 4 THEN 'api'
                     WHEN 5 THEN 'import' END AS source,
       o.user_id,
       o.external_id,
       o.currency,
       o.amount_minor * c.minor_unit AS amount,
       o.process_after,
       CASE WHEN o.status IN (1, 3) AND o.work_done THEN 'receipts'
            WHEN o.status = 1 AND o.process_after > o.updated_at THEN 'process_after'
            ELSE CASE o.status WHEN 1 THEN 'worker' WHEN 2 THEN 'handler' WHEN 3 THEN 'retry' WHEN 5 THEN 'operator'
                               WHEN 6 THEN 'release' END END AS waiting_for,
       CASE WHEN o.status = 3 THEN o.retry_at
            WHEN o.status = 1 AND NOT o.work_done AND o.process_after > o.updated_at THEN o.process_after
            END AS waiting_until,
       o.due_at,
       o.attempt,
       o.version,
       o.failure_code,
       o.failure_message,
       o.result,
       o.receipt_key,
       o.metadata
FROM orders o LEFT JOIN currencies c ON c.code = o.currency;

CREATE VIEW order_lines AS
SELECT o.id AS order_id,
       l.number AS line,
       l.content ->> 'sku' AS sku,
       l.content ->> 'product_name' AS product_name,
       (l.content ->> 'quantity')::numeric AS quantity,
       (l.content ->> 'unit_price')::numeric AS unit_price,
       (l.content ->> 'total')::numeric AS total,
       o.currency
FROM orders o, LATERAL json_array_elements(o.lines) WITH ORDINALITY AS l (content, number);

CREATE VIEW order_adjustments AS
SELECT o.id AS order_id,
       a.number AS adjustment,
       a.content ->> 'kind' AS kind,
       a.content ->> 'label' AS label,
       (a.content ->> 'amount')::numeric AS amount,
       coalesce((a.content ->> 'included')::boolean, false) AS included,
       o.currency
FROM orders o, LATERAL json_array_elements(o.adjustments) WITH ORDINALITY AS a (content, number);
