-- Trends read the durations of one component and environment in order of time: from the index alone. What was there for
-- the usual durations reads as well from it.
ALTER TABLE deployments
    ADD KEY deployments_trend (component, environment, outcome, started_at, id, duration),
    DROP KEY deployments_usual;
