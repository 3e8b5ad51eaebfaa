-- What is derived of steps stands with their deployment, packed and in order (store/timeline.rs), and no longer in their rows:
-- steps.ended_at, result and deployment_id are what the version before derived, and count only while timeline is NULL.
ALTER TABLE deployments
    ADD COLUMN timeline BLOB,
    -- How many further parts a long one has in timelines.
    ADD COLUMN parts    INT NOT NULL DEFAULT 0;

CREATE TABLE timelines (
    deployment BINARY(16) NOT NULL,
    -- From 1 on; the first part stands with the deployment.
    part       INT        NOT NULL,
    -- When its first step began.
    ts         BIGINT     NOT NULL,
    data       BLOB       NOT NULL,
    PRIMARY KEY (deployment, part),
    KEY timelines_ts (deployment, ts, part)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
