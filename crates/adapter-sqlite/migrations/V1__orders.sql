-- An order is one row: what was asked for (facts), how it stands (status, version, standing) and every event of its
-- life (history). The blobs are written and read by src/codec alone.
CREATE TABLE orders (
    id BLOB NOT NULL PRIMARY KEY,
    status INTEGER NOT NULL,
    version INTEGER NOT NULL,
    standing BLOB NOT NULL,
    history BLOB NOT NULL,
    facts BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Statuses that wait for a person or a time. PENDING, PROCESSING and PROCESSED are not in it, so that the way of an
-- order on which nothing goes wrong pays nothing for it. (Not written with IN: that would be a table of its own in every
-- single update.)
CREATE INDEX orders_out_of_line ON orders (status, id) WHERE status > 4 OR status = 3;

-- The outbox: one row a commit, with the (order, version) of each of its events in the order of seq. The row of
-- last_seq L with n entries holds the seqs L - n + 1 to L.
CREATE TABLE log (
    last_seq INTEGER NOT NULL PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;

-- Work that is not fresh: retries, what was released, replayed or is due later. A row stays while the work is
-- claimed, so that a crash finds it. Fresh work is found in the log, past state.claimed_through.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    due_ms INTEGER NOT NULL,
    claimed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (due_ms, id) WHERE claimed = 0;

CREATE TABLE receipts (
    id BLOB NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row, rewritten by every commit.
CREATE TABLE state (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    store_id BLOB NOT NULL,
    head INTEGER NOT NULL,
    claimed_through INTEGER NOT NULL,
    settled_through INTEGER NOT NULL,
    fresh_waiting INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    processing INTEGER NOT NULL,
    retrying INTEGER NOT NULL,
    processed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    on_hold INTEGER NOT NULL,
    cancelled INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, randomblob(16), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
