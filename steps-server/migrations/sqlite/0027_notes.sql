-- What is known of a moment or a span of a component. A removed note is deleted.
CREATE TABLE notes (
    id          BLOB    NOT NULL PRIMARY KEY,
    component   TEXT    NOT NULL,
    -- NULL is everywhere.
    environment TEXT,
    note        TEXT    NOT NULL,
    -- Microseconds since 1970.
    started_at  INTEGER NOT NULL,
    -- NULL for a moment.
    ended_at    INTEGER,
    -- Who says so.
    owner       TEXT    NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX notes_order ON notes (started_at, id);
CREATE INDEX notes_component ON notes (component, started_at);
