-- Who has signed in on a page. What a session permits is what its token does, as long as that is there.
CREATE TABLE sessions (
    -- Of the cookie's value, which is stored nowhere.
    sha256     BINARY(32) NOT NULL PRIMARY KEY,
    token      BINARY(16) NOT NULL,
    created_at BIGINT     NOT NULL,
    expires_at BIGINT     NOT NULL,
    KEY sessions_token (token, created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
