-- Whoever changes the deployments of a component in an environment gives it another turn, so that an answer about them is known to
-- be still true. One row for each of the parts of a component's streams: two servers that fold two parts wait for no row of both.
CREATE TABLE turns (
    component   VARCHAR(255) NOT NULL,
    environment VARCHAR(64)  NOT NULL,
    part        INT          NOT NULL,
    turn        BIGINT       NOT NULL,
    PRIMARY KEY (component, environment, part)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How many turns of a bucket were of servers that give components turns; all others were of the version before.
ALTER TABLE buckets ADD COLUMN named BIGINT NOT NULL DEFAULT 0;
