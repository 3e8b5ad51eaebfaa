-- What is known of a moment or a span of a component. A removed note is deleted.
CREATE TABLE notes (
    id          BINARY(16)   NOT NULL PRIMARY KEY,
    component   VARCHAR(255) NOT NULL,
    -- NULL is everywhere.
    environment VARCHAR(64),
    note        VARCHAR(255) NOT NULL,
    -- Microseconds since 1970.
    started_at  BIGINT       NOT NULL,
    -- NULL for a moment.
    ended_at    BIGINT,
    -- Who says so.
    owner       VARCHAR(255) NOT NULL,
    recorded_at BIGINT       NOT NULL,
    KEY notes_order (started_at, id),
    KEY notes_component (component, started_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
