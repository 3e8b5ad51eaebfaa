-- Who has signed in on a page. What a session permits is what its token does, as long as that is there.
CREATE TABLE sessions (
    -- Of the cookie's value, which is stored nowhere.
    sha256     BLOB    NOT NULL PRIMARY KEY,
    token      BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_token ON sessions (token, created_at);
