# The image with MariaDB: migrating, serving and pruning as containers of their own; a part of part-image.
# shellcheck shell=bash disable=SC2154

port=${STEPS_TEST_MYSQL_URL##*:}
sql() { mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$port" --user=root -e "$1"; }
sql "CREATE DATABASE steps_image; CREATE USER image@'%' IDENTIFIED BY 'not-secret'; GRANT ALL ON steps_image.* TO image@'%'"
printf 'mysql://image:not-secret@127.0.0.1:%s/steps_image' "$port" >"$work/secrets/database-url"
chown 65532:65532 "$work/secrets/database-url"
chmod 400 "$work/secrets/database-url"
free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# The database listens on this machine's loopback address, so the containers share its network.
with_database=(--network host --tmpfs /tmp "${secrets[@]}" -e STEPS_DATABASE_URL_FILE=/run/secrets/database-url -e "STEPS_LISTEN=127.0.0.1:$free")

locked_down --rm "${with_database[@]}" "$image" steps-server migrate >"$work/said" 2>&1 || fail "it does not migrate: $(cat "$work/said")"
locked_down --detach --name server "${with_database[@]}" "$image" >/dev/null
ready
steps() { locked_down --rm --network host "${cli[@]}" -e "STEPS_SERVER=http://127.0.0.1:$free" "$image" steps "$@"; }
steps record --component checkout --version 2.0.0 --status succeeded >/dev/null
steps list --format csv | grep -q '^checkout,2.0.0,' || fail "what was recorded into MariaDB is not listed"
locked_down --rm "${with_database[@]}" "$image" steps-server prune --older-than 2y --dry-run >"$work/said" 2>&1 ||
  fail "it does not prune: $(cat "$work/said")"
[ "$(podman exec server /steps list --server "http://127.0.0.1:$free" --token-file /run/secrets/token --format csv | wc -l)" -eq 2 ] ||
  fail "its command does not work within the server's container"
podman stop --time 30 server >/dev/null 2>&1
[ "$(podman inspect --format '{{.State.ExitCode}}' server)" = 0 ] || fail "with MariaDB it does not end well on SIGTERM"
podman rm server >/dev/null
proved "migrates, serves, records and prunes with MariaDB; the URL is in a mounted file" "each a container of the one image, against MariaDB of Debian"
