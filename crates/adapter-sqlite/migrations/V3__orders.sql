-- An order is one row: what was asked for (facts), how far it has got (status, version, standing) and every event of its
-- life (history). The blobs are written and read by src/codec alone. Its place follows from its id (src/place.rs), the
-- time of its creation first: a table by rowid keeps whole rows out of the inner pages of its tree, and orders created one
-- after the other fill one page after the other. An erased order keeps its row: status 0, empty facts and standing, and
-- tombstones for events.
CREATE TABLE orders (
    place INTEGER NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    status INTEGER NOT NULL,
    version INTEGER NOT NULL,
    standing BLOB NOT NULL,
    history BLOB NOT NULL,
    facts BLOB NOT NULL
) STRICT;

-- Statuses that wait for a person or a time. PENDING, PROCESSING and PROCESSED are not in it, so that an order on which
-- nothing goes wrong costs nothing here; nor is 0, an erased order. (Not written with IN: that would be a table of its own
-- in every single update.)
CREATE INDEX orders_out_of_line ON orders (status, id) WHERE status > 4 OR status = 3;

-- Orders that found no free place among those of their millisecond (src/place.rs). Their places are below zero.
CREATE TABLE overflow (
    id BLOB NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The outbox: one row per commit, with the (order, version) of each of its events in the order of seq. The row of
-- last_seq L with n entries holds the seqs L - n + 1 to L. `bits` are 32 random bits, drawn for the commit and shared by
-- its events: they tell this history of the store from another one in which the same numbers mean other events. The books
-- are the counts and the marks of the work after the commit; those of the last row are in force.
CREATE TABLE log (
    last_seq INTEGER NOT NULL PRIMARY KEY,
    bits INTEGER NOT NULL,
    entries BLOB NOT NULL,
    books BLOB NOT NULL
) STRICT;

-- Work that does not wait in the log: retries, missing receipts, what was released or replayed, what is due at a time of
-- the wall clock, and new orders past the bound of what waits in the log. A row stays while the work is claimed, so that it
-- is found after a crash. New orders are found in the log, past the mark of what was claimed.
-- `state` is 0 for a job that waits in the lane of fresh orders, 1 for one that a worker holds, 2 for one that waits to be
-- done with no other beside it, because its order lost its lease twice or more (Order::is_quarantined), 3 for one that waits
-- in the lane of retries and 4 in that of receipts. `bucket` is the home bucket, which the id tells. `delay_ms` is the delay
-- of work that is due in a while: if the wall clock is set back it is due at the latest after this time from now. It is NULL
-- for work that is due at a time of the wall clock.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    delay_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_bucket ON jobs (state, bucket, due_ms, id);

-- One row, never changed: tells an index of these orders from one of others.
CREATE TABLE store (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    store_id BLOB NOT NULL
) STRICT;
INSERT INTO store VALUES (1, randomblob(16));
