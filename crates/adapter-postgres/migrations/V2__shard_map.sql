-- The shard's part of the map of home buckets, and the epoch of that map. Every commit names the epoch that its process
-- knows and the buckets of its orders; a commit under another epoch, or of a bucket that is not here, is refused.

ALTER TABLE shard
    -- Incremented with each change of the map. It is in this row, because the row's lock orders commits and such changes.
    ADD COLUMN map_epoch bigint NOT NULL DEFAULT 1;

-- One row: bit n (as get_bit counts) says whether this shard owns home bucket n. It is apart from `shard`, whose row is
-- written anew by every commit, and changes only together with map_epoch.
CREATE TABLE owned_buckets (
    the_only_row boolean PRIMARY KEY DEFAULT true CHECK (the_only_row),
    buckets      bytea   NOT NULL CHECK (length(buckets) = 512)
);

-- Refuses a commit, with a code that ordermill knows.
CREATE FUNCTION refuse_moved() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    RAISE EXCEPTION 'the shard map has changed, or the shard does not own a bucket' USING ERRCODE = 'OM001';
END
$$;
