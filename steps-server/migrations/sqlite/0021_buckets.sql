-- Folding is shared out: a stream belongs to a bucket, and who folds changes locks their buckets first.
-- Changes of the version before have no bucket.
ALTER TABLE changes ADD COLUMN bucket INTEGER;
CREATE INDEX changes_bucket ON changes (bucket, seq);

CREATE TABLE buckets (
    id   INTEGER NOT NULL PRIMARY KEY,
    turn INTEGER NOT NULL
) STRICT;
WITH RECURSIVE numbers AS (SELECT 0 AS id UNION ALL SELECT id + 1 FROM numbers WHERE id < 63)
INSERT INTO buckets (id, turn) SELECT id, 0 FROM numbers;
