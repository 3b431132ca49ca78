-- Work that is done with no other beside it: its orders lost their lease twice or more (Order::runs_alone). `claimed` says
-- how a job stands: 0 waits, 1 is held by a worker, 2 waits to be done alone.
CREATE INDEX jobs_alone ON jobs (due_ms, id) WHERE claimed = 2;
