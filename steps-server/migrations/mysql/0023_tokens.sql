-- Who may do what. A revoked token is deleted.
CREATE TABLE tokens (
    id           BINARY(16)   NOT NULL PRIMARY KEY,
    name         VARCHAR(64)  NOT NULL,
    -- Of its text, which is stored nowhere.
    sha256       BINARY(32)   NOT NULL,
    -- record, read and admin, with commas between them.
    scopes       VARCHAR(64)  NOT NULL,
    -- Patterns, as an array of JSON; an empty one is no limit.
    components   MEDIUMTEXT   NOT NULL,
    environments MEDIUMTEXT   NOT NULL,
    -- Who it records as; NULL is anybody.
    owner        VARCHAR(255),
    created_at   BIGINT       NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    UNIQUE KEY tokens_name (name),
    UNIQUE KEY tokens_sha256 (sha256)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
