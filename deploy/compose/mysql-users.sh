# The users of the database, each with what README says it needs. The image of MySQL reads this file (it is sourced, and must not
# be executable) once, when its volume is empty. Passwords come from make-secrets, and have no quotes in them.
# shellcheck shell=bash
docker_process_sql <<SQL
CREATE USER steps@'%' IDENTIFIED BY '$(cat /run/secrets/steps-password)' REQUIRE SSL;
CREATE USER steps_migrate@'%' IDENTIFIED BY '$(cat /run/secrets/steps-migrate-password)' REQUIRE SSL;
CREATE USER steps_backup@'%' IDENTIFIED BY '$(cat /run/secrets/steps-backup-password)' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE, DELETE ON steps.* TO steps@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON steps.* TO steps_migrate@'%';
GRANT SELECT ON steps.* TO steps_backup@'%';
SQL
