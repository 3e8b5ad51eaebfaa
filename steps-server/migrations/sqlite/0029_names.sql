-- Every component and environment that has deployments has a turn from now on, so that their names are found without reading
-- deployments. What a server of the version before folds later shows in the buckets, which are therefore set first.
UPDATE buckets SET named = turn;
INSERT OR IGNORE INTO turns (component, environment, part, turn) SELECT DISTINCT component, environment, -1, 0 FROM deployments;
