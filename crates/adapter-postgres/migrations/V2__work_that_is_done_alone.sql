-- Work that is done with no other beside it: its orders lost their lease at their second attempt or a later one
-- (Order::runs_alone). Few, and looked for by every worker.
CREATE INDEX orders_alone ON orders (due_at)
    WHERE due_at IS NOT NULL AND failure_code = 'lease_lost' AND attempt >= 2;
