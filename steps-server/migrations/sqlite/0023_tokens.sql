-- Who may do what. A revoked token is deleted.
CREATE TABLE tokens (
    id           BLOB    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    -- Of its text, which is stored nowhere.
    sha256       BLOB    NOT NULL,
    -- record, read and admin, with commas between them.
    scopes       TEXT    NOT NULL,
    -- Patterns, as an array of JSON; an empty one is no limit.
    components   TEXT    NOT NULL,
    environments TEXT    NOT NULL,
    -- Who it records as; NULL is anybody.
    owner        TEXT,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX tokens_name ON tokens (name);
CREATE UNIQUE INDEX tokens_sha256 ON tokens (sha256);
