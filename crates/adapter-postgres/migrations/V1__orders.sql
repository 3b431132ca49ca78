-- One shard: its orders, their events, the receipts kept with them, and one row that says which shard it is.
-- Everything that belongs to an order can be deleted by its id. There are no foreign keys: all rows of an order
-- are written in one transaction, and a check a row would cost more than the row.

CREATE TABLE shard (
    the_only_row boolean PRIMARY KEY DEFAULT true CHECK (the_only_row),
    -- Which shard of how many, and by which map. Written at the first start, compared at every other one.
    number       integer NOT NULL,
    shards       integer NOT NULL,
    map          text    NOT NULL,
    -- Updating this row just before COMMIT is the lock that makes events.seq gapless and in commit order.
    last_seq     bigint  NOT NULL DEFAULT 0,
    -- How many orders stand where.
    pending      bigint  NOT NULL DEFAULT 0,
    processing   bigint  NOT NULL DEFAULT 0,
    retrying     bigint  NOT NULL DEFAULT 0,
    processed    bigint  NOT NULL DEFAULT 0,
    failed       bigint  NOT NULL DEFAULT 0,
    on_hold      bigint  NOT NULL DEFAULT 0,
    cancelled    bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- status: 1 PENDING, 2 PROCESSING, 3 RETRYING, 4 PROCESSED, 5 FAILED, 6 ON_HOLD, 7 CANCELLED.
-- source: 1 web, 2 pos, 3 mobile, 4 api, 5 import.
CREATE TABLE orders (
    id              uuid        NOT NULL PRIMARY KEY,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    amount_minor    bigint      NOT NULL,
    version         bigint      NOT NULL,
    attempt         bigint      NOT NULL,
    -- When the work is due, while it waits for a worker; when the lease ends, while a worker holds it.
    due_at          timestamptz,
    lease_until     timestamptz,
    status          smallint    NOT NULL,
    source          smallint    NOT NULL,
    currency        text        NOT NULL,
    user_id         text        NOT NULL COLLATE "C",
    external_id     text        COLLATE "C",
    idempotency_key text        COLLATE "C",
    -- SHA-256 of the command, where there is a key or an external id to compare it under.
    fingerprint     bytea,
    lines           json        NOT NULL,
    metadata        json        NOT NULL,
    failure_code    text,
    failure_message text,
    -- JSON as the handler wrote it; text, so that it is kept to the byte.
    result          text,
    receipt_key     text,
    CONSTRAINT waiting_orders_are_due     CHECK ((due_at IS NOT NULL) = (status IN (1, 3))),
    CONSTRAINT processing_orders_are_held CHECK ((lease_until IS NOT NULL) = (status = 2))
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX orders_by_key ON orders (idempotency_key, user_id) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX orders_by_external_id ON orders (external_id, user_id) WHERE external_id IS NOT NULL;
CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX orders_leased ON orders (lease_until) WHERE lease_until IS NOT NULL;
-- The statuses that people look for and few orders have.
CREATE INDEX orders_in_trouble ON orders (status, id) WHERE status IN (3, 5, 6);

-- event_type: 1 created, 2 processing, 3 retrying, 4 processed, 5 failed, 6 held, 7 released, 8 cancelled, 9 replayed.
CREATE TABLE events (
    seq             bigint      NOT NULL PRIMARY KEY,
    order_id        uuid        NOT NULL,
    version         bigint      NOT NULL,
    attempt         bigint      NOT NULL,
    occurred_at     timestamptz NOT NULL,
    retry_at        timestamptz,
    event_type      smallint    NOT NULL,
    user_id         text        NOT NULL COLLATE "C",
    failure_code    text,
    failure_message text,
    request_id      text,
    trace_id        text
);

CREATE UNIQUE INDEX events_by_order ON events (order_id, version);

CREATE TABLE receipts (
    order_id uuid NOT NULL PRIMARY KEY,
    key      text NOT NULL,
    text     text NOT NULL
);
