-- What servers write before they ask a replica: one that shows a mark has everything that was committed before it. A row for each
-- server that asks one, deleted when it has written none for a day.
CREATE TABLE replica_marks (
    server     BINARY(16) NOT NULL PRIMARY KEY,
    -- Grows with each mark.
    mark       BIGINT     NOT NULL,
    -- Microseconds since 1970.
    written_at BIGINT     NOT NULL,
    KEY replica_marks_written_at (written_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
