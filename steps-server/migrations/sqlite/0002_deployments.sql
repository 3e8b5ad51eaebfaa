-- A span is told when it ends: recorded facts, like the rest of a step.
ALTER TABLE steps ADD COLUMN span INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN finished_at INTEGER;
ALTER TABLE steps ADD COLUMN outcome TEXT;
ALTER TABLE steps ADD COLUMN exit_code INTEGER;
-- Derived, and may be thrown away and computed again.
ALTER TABLE steps ADD COLUMN ended_at INTEGER;
ALTER TABLE steps ADD COLUMN deployment_id BLOB;

-- What the steps are folded into: derived altogether.
CREATE TABLE deployments (
    -- That of its first step.
    id          BLOB    NOT NULL,
    stream      BLOB    NOT NULL,
    component   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    run         TEXT,
    status      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    -- Microseconds.
    duration    INTEGER,
    -- Whether it has had a status that begins a deployment.
    has_start   INTEGER NOT NULL,
    -- From which moment on its steps may still be given another end: the fold of a long one resumes here.
    tail_ts     INTEGER NOT NULL,
    -- When the last of its steps began.
    last_ts     INTEGER NOT NULL,
    steps       INTEGER NOT NULL,
    PRIMARY KEY (started_at, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX deployments_id ON deployments (id);
CREATE INDEX deployments_stream ON deployments (stream, started_at);
CREATE INDEX deployments_component ON deployments (component, started_at, id);
CREATE INDEX deployments_usual ON deployments (component, environment, outcome, started_at);

-- Which streams have changed since they were folded, and from when on. Written with the steps, in their transaction.
CREATE TABLE changes (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    stream BLOB    NOT NULL,
    since  INTEGER NOT NULL
) STRICT;

-- One row. Whoever folds writes to it first, so that one server does at a time.
CREATE TABLE projection (
    id       INTEGER NOT NULL PRIMARY KEY,
    turn     INTEGER NOT NULL,
    -- What each status meant when the deployments were folded.
    statuses TEXT    NOT NULL
) STRICT;
INSERT INTO projection (id, turn, statuses) VALUES (1, 0, '');

-- Steps that were recorded before there were deployments.
INSERT INTO changes (stream, since) SELECT DISTINCT stream, 0 FROM steps;
