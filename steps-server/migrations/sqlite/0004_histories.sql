-- Which attempt of its run a step belongs to: a recorded fact. How it ended is derived.
ALTER TABLE steps ADD COLUMN attempt INTEGER;
ALTER TABLE steps ADD COLUMN result TEXT;

ALTER TABLE deployments ADD COLUMN attempt INTEGER;
-- whole or partial, where it repeats an earlier deployment of its run.
ALTER TABLE deployments ADD COLUMN retry TEXT;
-- Microseconds in which only waiting statuses were open, and in which nothing was.
ALTER TABLE deployments ADD COLUMN waiting INTEGER;
ALTER TABLE deployments ADD COLUMN gaps INTEGER;
-- It is running before this moment. outcome, ended_at and duration are those that it has from then on.
ALTER TABLE deployments ADD COLUMN open_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN clocks_differ INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN looks_concurrent INTEGER NOT NULL DEFAULT 0;
-- Why it was excluded.
ALTER TABLE deployments ADD COLUMN excluded TEXT;
-- Whether it is in figures: neither excluded nor a partial retry.
ALTER TABLE deployments ADD COLUMN counted INTEGER NOT NULL DEFAULT 1;

CREATE INDEX deployments_figures
    ON deployments (component, environment, outcome, counted, started_at, id, open_until, duration, waiting);
DROP INDEX deployments_trend;

-- That a deployment is left out of every figure, or in them again: recorded facts, the newest of a deployment holds.
CREATE TABLE exclusions (
    id      BLOB    NOT NULL PRIMARY KEY,
    -- The stream of the deployment, and one of its steps: the deployment is the one that has the step.
    stream  BLOB    NOT NULL,
    step_id BLOB    NOT NULL,
    -- Empty where it is in figures again.
    reason  TEXT    NOT NULL,
    owner   TEXT    NOT NULL,
    ts      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX exclusions_stream ON exclusions (stream, ts, id);
