-- Recorded facts; a row is never changed. The primary key is the order of every list.
CREATE TABLE steps (
    id          BINARY(16)   NOT NULL,
    -- Steps of one environment, component and version (and run) share it: Step::stream.
    stream      BINARY(16)   NOT NULL,
    component   VARCHAR(255) NOT NULL,
    environment VARCHAR(64)  NOT NULL,
    version     VARCHAR(255) NOT NULL,
    owner       VARCHAR(255) NOT NULL,
    status      VARCHAR(64)  NOT NULL,
    run         VARCHAR(255),
    -- Microseconds since 1970-01-01 00:00:00 UTC.
    ts          BIGINT       NOT NULL,
    PRIMARY KEY (ts, id),
    UNIQUE KEY steps_id (id),
    KEY steps_stream (stream, ts, id),
    KEY steps_component (component, ts, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
