-- Figures read the deployments of a day, of one component in one environment, as one packed row (store/day.rs). It is derived of
-- deployments, and may be thrown away.
CREATE TABLE days (
    component   VARCHAR(255) NOT NULL,
    environment VARCHAR(64)  NOT NULL,
    -- Days since 1970, in UTC.
    day         INT          NOT NULL,
    -- 0: packed; 1: changed since, or never packed; 2: more deployments than are packed.
    state       SMALLINT     NOT NULL,
    data        MEDIUMBLOB,
    ids         MEDIUMBLOB,
    PRIMARY KEY (component, environment, day),
    KEY days_state (state, day)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Each day before this one that has deployments has its rows.
ALTER TABLE projection ADD COLUMN days_until INT NOT NULL DEFAULT 0;
