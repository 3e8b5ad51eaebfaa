-- What the fold took up, for those who watch: which step was recorded, which deployment has changed. Each fold writes it in its own
-- transaction. There is one writer, so that the numbers have the order of the commits.
CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Always 0; on MySQL, where there are several writers, it is the first part of the order.
    batch      INTEGER,
    -- When it was written: microseconds since 1970, by the clock of the server.
    written_at INTEGER NOT NULL,
    -- 0: a step, 1: a deployment, 2: everything may have changed.
    kind       INTEGER NOT NULL,
    subject    BLOB    NOT NULL
) STRICT;
-- Finds the last event about one thing.
CREATE INDEX events_subject ON events (subject);

-- One row.
CREATE TABLE event_log (
    id         INTEGER NOT NULL PRIMARY KEY,
    -- Not used here.
    batch      INTEGER NOT NULL,
    -- Deployments that ended by the clock alone until then have their events.
    ended      INTEGER NOT NULL,
    -- The last place whose event was deleted.
    gone_batch INTEGER NOT NULL,
    gone_seq   INTEGER NOT NULL,
    -- The ids of events are sealed with it.
    secret     BLOB    NOT NULL
) STRICT;
INSERT INTO event_log (id, batch, ended, gone_batch, gone_seq, secret) VALUES (1, 0, 0, 0, 0, x'');

-- Finds the deployments that end by the clock alone.
CREATE INDEX deployments_open_until ON deployments (open_until) WHERE open_until > 0;
