-- Recorded facts; a row is never changed. The primary key is the order of every list.
CREATE TABLE steps (
    id          BLOB    NOT NULL,
    -- Steps of one environment, component and version (and run) share it: Step::stream.
    stream      BLOB    NOT NULL,
    component   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    run         TEXT,
    -- Microseconds since 1970-01-01 00:00:00 UTC.
    ts          INTEGER NOT NULL,
    PRIMARY KEY (ts, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX steps_id ON steps (id);
CREATE INDEX steps_stream ON steps (stream, ts, id);
CREATE INDEX steps_component ON steps (component, ts, id);
