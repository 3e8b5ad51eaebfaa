-- Folding is shared out: a stream belongs to a bucket, and who folds changes locks their buckets first.
-- Changes of the version before have no bucket.
ALTER TABLE changes
    ADD COLUMN bucket INT,
    ADD KEY changes_bucket (bucket, seq);

CREATE TABLE buckets (
    id   INT    NOT NULL PRIMARY KEY,
    turn BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO buckets (id, turn)
WITH RECURSIVE numbers AS (SELECT 0 AS id UNION ALL SELECT id + 1 FROM numbers WHERE id < 63)
SELECT id, 0 FROM numbers;
