-- An order is one row: what was asked for (facts), how it stands (status, version, standing) and every event of its
-- life (history). The blobs are written and read by src/codec alone. Its place follows from its id (src/place.rs), the
-- time of its making first: a table by rowid keeps whole rows out of the inner pages of its tree, and orders made one
-- after the other fill one page after the other.
CREATE TABLE orders (
    place INTEGER NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    status INTEGER NOT NULL,
    version INTEGER NOT NULL,
    standing BLOB NOT NULL,
    history BLOB NOT NULL,
    facts BLOB NOT NULL
) STRICT;

-- Statuses that wait for a person or a time. PENDING, PROCESSING and PROCESSED are not in it, so that the way of an
-- order on which nothing goes wrong pays nothing for it. (Not written with IN: that would be a table of its own in every
-- single update.)
CREATE INDEX orders_out_of_line ON orders (status, id) WHERE status > 4 OR status = 3;

-- The outbox: one row a commit, with the (order, version) of each of its events in the order of seq. The row of
-- last_seq L with n entries holds the seqs L - n + 1 to L. With it stand the books as the commit left them: counts and
-- marks of the work; those of the last row hold.
CREATE TABLE log (
    last_seq INTEGER NOT NULL PRIMARY KEY,
    entries BLOB NOT NULL,
    books BLOB NOT NULL
) STRICT;

-- Work that is not fresh: retries, what was released, replayed or is due later. A row stays while the work is
-- claimed, so that a crash finds it. Fresh work is found in the log, past the mark of what was claimed.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    due_ms INTEGER NOT NULL,
    claimed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (due_ms, id) WHERE claimed = 0;

-- By the places of their orders.
CREATE TABLE receipts (
    place INTEGER NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

-- One row, never changed: tells an index of these orders from one of others.
CREATE TABLE store (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    store_id BLOB NOT NULL
) STRICT;
INSERT INTO store VALUES (1, randomblob(16));
