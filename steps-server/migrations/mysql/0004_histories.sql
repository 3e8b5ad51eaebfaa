-- Which attempt of its run a step belongs to: a recorded fact. How it ended is derived.
ALTER TABLE steps
    ADD COLUMN attempt INT,
    ADD COLUMN result  VARCHAR(16);

ALTER TABLE deployments
    ADD COLUMN attempt          INT,
    -- whole or partial, where it repeats an earlier deployment of its run.
    ADD COLUMN retry            VARCHAR(16),
    -- Microseconds in which only waiting statuses were open, and in which nothing was.
    ADD COLUMN waiting          BIGINT,
    ADD COLUMN gaps             BIGINT,
    -- It is running before this moment. outcome, ended_at and duration are those that it has from then on.
    ADD COLUMN open_until       BIGINT  NOT NULL DEFAULT 0,
    ADD COLUMN clocks_differ    BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN looks_concurrent BOOLEAN NOT NULL DEFAULT FALSE,
    -- Why it was excluded.
    ADD COLUMN excluded         VARCHAR(1000),
    -- Whether it is in figures: neither excluded nor a partial retry.
    ADD COLUMN counted          BOOLEAN NOT NULL DEFAULT TRUE;

ALTER TABLE deployments
    ADD KEY deployments_figures (component, environment, outcome, counted, started_at, id, open_until, duration, waiting),
    DROP KEY deployments_trend;

-- That a deployment is left out of every figure, or in them again: recorded facts, the newest of a deployment holds.
CREATE TABLE exclusions (
    id            BINARY(16)    NOT NULL PRIMARY KEY,
    -- The stream of the deployment, and one of its steps: the deployment is the one that has the step.
    stream        BINARY(16)    NOT NULL,
    step_id       BINARY(16)    NOT NULL,
    -- Empty where it is in figures again.
    reason        VARCHAR(1000) NOT NULL,
    owner         VARCHAR(255)  NOT NULL,
    ts            BIGINT        NOT NULL,
    KEY exclusions_stream (stream, ts, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
