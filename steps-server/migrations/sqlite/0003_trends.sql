-- Trends read the durations of one component and environment in order of time: from the index alone. What was there for
-- the usual durations reads as well from it.
CREATE INDEX deployments_trend ON deployments (component, environment, outcome, started_at, id, duration);
DROP INDEX deployments_usual;
