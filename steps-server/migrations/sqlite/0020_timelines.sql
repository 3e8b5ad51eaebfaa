-- What is derived of steps stands with their deployment, packed and in order (store/timeline.rs), and no longer in their rows:
-- steps.ended_at, result and deployment_id are what the version before derived, and count only while timeline is NULL.
ALTER TABLE deployments ADD COLUMN timeline BLOB;
-- How many further parts a long one has in timelines.
ALTER TABLE deployments ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;

CREATE TABLE timelines (
    deployment BLOB    NOT NULL,
    -- From 1 on; the first part stands with the deployment.
    part       INTEGER NOT NULL,
    -- When its first step began.
    ts         INTEGER NOT NULL,
    data       BLOB    NOT NULL,
    PRIMARY KEY (deployment, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX timelines_ts ON timelines (deployment, ts, part);
