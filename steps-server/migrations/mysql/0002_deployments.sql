-- A span is told when it ends: recorded facts, like the rest of a step.
-- ended_at and deployment_id are derived, and may be thrown away and computed again.
ALTER TABLE steps
    ADD COLUMN span          BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN finished_at   BIGINT,
    ADD COLUMN outcome       VARCHAR(16),
    ADD COLUMN exit_code     INT,
    ADD COLUMN ended_at      BIGINT,
    ADD COLUMN deployment_id BINARY(16);

-- What the steps are folded into: derived altogether.
CREATE TABLE deployments (
    -- That of its first step.
    id          BINARY(16)   NOT NULL,
    stream      BINARY(16)   NOT NULL,
    component   VARCHAR(255) NOT NULL,
    environment VARCHAR(64)  NOT NULL,
    version     VARCHAR(255) NOT NULL,
    owner       VARCHAR(255) NOT NULL,
    run         VARCHAR(255),
    status      VARCHAR(64)  NOT NULL,
    outcome     VARCHAR(16)  NOT NULL,
    started_at  BIGINT       NOT NULL,
    ended_at    BIGINT,
    -- Microseconds.
    duration    BIGINT,
    -- Whether it has had a status that begins a deployment.
    has_start   BOOLEAN      NOT NULL,
    -- From which moment on its steps may still be given another end: the fold of a long one resumes here.
    tail_ts     BIGINT       NOT NULL,
    -- When the last of its steps began.
    last_ts     BIGINT       NOT NULL,
    steps       INT          NOT NULL,
    PRIMARY KEY (started_at, id),
    UNIQUE KEY deployments_id (id),
    KEY deployments_stream (stream, started_at),
    KEY deployments_component (component, started_at, id),
    KEY deployments_usual (component, environment, outcome, started_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Which streams have changed since they were folded, and from when on. Written with the steps, in their transaction.
CREATE TABLE changes (
    seq    BIGINT     NOT NULL AUTO_INCREMENT PRIMARY KEY,
    stream BINARY(16) NOT NULL,
    since  BIGINT     NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row. Whoever folds writes to it first, so that one server does at a time.
CREATE TABLE projection (
    id       INT    NOT NULL PRIMARY KEY,
    turn     BIGINT NOT NULL,
    -- What each status meant when the deployments were folded.
    statuses TEXT   NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO projection (id, turn, statuses) VALUES (1, 0, '');

-- Steps that were recorded before there were deployments.
INSERT INTO changes (stream, since) SELECT DISTINCT stream, 0 FROM steps;
