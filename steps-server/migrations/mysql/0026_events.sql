-- What the fold took up, for those who watch: which step was recorded, which deployment has changed. Each fold writes it in its own
-- transaction. The rows have the order of the transactions that number them (batch, then seq): AUTO_INCREMENT is given before a
-- commit, and would show a row behind one that was read already.
CREATE TABLE events (
    seq        BIGINT     NOT NULL AUTO_INCREMENT PRIMARY KEY,
    -- NULL until it has its place in the order.
    batch      BIGINT,
    -- When it was written: microseconds since 1970, by the clock of the server.
    written_at BIGINT     NOT NULL,
    -- 0: a step, 1: a deployment, 2: everything may have changed.
    kind       INT        NOT NULL,
    subject    BINARY(16) NOT NULL,
    KEY events_order (batch, seq),
    -- Finds the last event about one thing.
    KEY events_subject (subject)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row. Who gives places locks it.
CREATE TABLE event_log (
    id         INT           NOT NULL PRIMARY KEY,
    -- The last batch that has places.
    batch      BIGINT        NOT NULL,
    -- Deployments that ended by the clock alone until then have their events.
    ended      BIGINT        NOT NULL,
    -- The last place whose event was deleted.
    gone_batch BIGINT        NOT NULL,
    gone_seq   BIGINT        NOT NULL,
    -- The ids of events are sealed with it.
    secret     VARBINARY(32) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO event_log (id, batch, ended, gone_batch, gone_seq, secret) VALUES (1, 0, 0, 0, 0, '');

-- Finds the deployments that end by the clock alone.
CREATE INDEX deployments_open_until ON deployments (open_until);
