-- Whoever changes the deployments of a component in an environment gives it another turn, so that an answer about them is known to
-- be still true. One row for each of the parts of a component's streams: two servers that fold two parts wait for no row of both.
CREATE TABLE turns (
    component   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    part        INTEGER NOT NULL,
    turn        INTEGER NOT NULL,
    PRIMARY KEY (component, environment, part)
) STRICT, WITHOUT ROWID;

-- How many turns of a bucket were of servers that give components turns; all others were of the version before.
ALTER TABLE buckets ADD COLUMN named INTEGER NOT NULL DEFAULT 0;
