-- Figures read the deployments of a day, of one component in one environment, as one packed row (store/day.rs). It is derived of
-- deployments, and may be thrown away.
CREATE TABLE days (
    component   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    -- Days since 1970, in UTC.
    day         INTEGER NOT NULL,
    -- 0: packed; 1: changed since, or never packed; 2: more deployments than are packed.
    state       INTEGER NOT NULL,
    data        BLOB,
    ids         BLOB,
    PRIMARY KEY (component, environment, day)
) STRICT;
CREATE INDEX days_state ON days (state, day);

-- Each day before this one that has deployments has its rows.
ALTER TABLE projection ADD COLUMN days_until INTEGER NOT NULL DEFAULT 0;
