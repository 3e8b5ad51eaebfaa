# compose.yaml as containers that podman-compose makes, with all that it says of users, files, rights and limits; a part of part-compose.
# No registry can be reached, so that MySQL and HAProxy are Debian's, in root folders of a few files: stand-ins for their images. The
# image of `steps` is the real one, around static programs.
# shellcheck shell=bash disable=SC2154

. tests/deploy/containers.sh
need_packages busybox-static golang-github-containernetworking-plugin-dnsname dnsmasq-base
repository=$PWD

# stand_in FOLDER NAME [CHANGE...]: an image of a folder.
stand_in() {
  local folder=$1 name=$2 changes=()
  shift 2
  for change in "$@"; do changes+=(-c "$change"); done
  tar -C "$folder" -c . | podman import "${changes[@]}" - "$name" >/dev/null 2>&1 || fail "$name cannot be made"
}
applets() {
  mkdir -p "$1/bin" "$1/run/secrets" "$1/tmp"
  chmod 1777 "$1/tmp"
  cp /bin/busybox "$1/bin"
  for applet in sh cat sleep wget id gzip; do ln -sf busybox "$1/bin/$applet"; done
}

build_image ghcr.io/steps-dev/steps:0.1.0 "$programs"

balancer=$work/balancer
applets "$balancer"
mkdir -p "$balancer/usr/local/etc/haproxy"
for file in /usr/sbin/haproxy $(ldd /usr/sbin/haproxy | grep -o '/[^ ]*'); do install -D "$file" "$balancer$file"; done
stand_in "$balancer" docker.io/library/haproxy:3.2-alpine 'ENV PATH=/bin:/usr/sbin' 'STOPSIGNAL SIGUSR1' \
  'CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]'

mysql=$work/mysql
cp -a "${XDG_CACHE_HOME:-$HOME/.cache}/steps-tests/mysql/root" "$mysql"
applets "$mysql"
install -d -o 999 -g 999 "$mysql/var/lib/mysql"
install -d -m 1777 "$mysql/var/run/mysqld"
install -d "$mysql/docker-entrypoint-initdb.d"
echo 'mysql:x:999:999::/var/lib/mysql:/bin/sh' >"$mysql/etc/passwd"
ln -s "$(cd "$mysql" && find . -name 'ld-linux*.so.*' | sort | tail -n 1)" "$mysql/loader"
echo "/usr/lib/$(uname -m)-linux-gnu:/usr/lib/mysql/private" >"$mysql/libraries"
for program in mysql mysqldump; do
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nexec /loader --library-path "$(cat /libraries)" /usr/bin/%s "$@"\n' "$program" >"$mysql/bin/$program"
done
install -t "$mysql/bin" tests/deploy/stand-ins/mysqladmin
install tests/deploy/stand-ins/mysql "$mysql/entrypoint"
chmod 755 "$mysql"/bin/*
stand_in "$mysql" docker.io/library/mysql:8.4 'ENTRYPOINT ["/entrypoint"]' 'VOLUME /var/lib/mysql' 'ENV PATH=/bin'
rm -rf "$mysql" "$balancer"

# This podman has names only in networks with a way out, and starts what depends on others by itself, in no order: both are taken out.
"$python/bin/python" - "$repository/$folder/compose.yaml" "$work/compose/compose.yaml" <<'END'
import sys, yaml
file = yaml.safe_load(open(sys.argv[1]))
for service in file["services"].values():
    service.pop("depends_on", None)
for network in file["networks"].values():
    network.pop("internal", None)
yaml.safe_dump(file, open(sys.argv[2], "w"))
END
free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -i "s/^PUBLISH=.*/PUBLISH=127.0.0.1:$free/" "$work/compose/.env"
cat >"$work/podman" <<END
#!/bin/sh
exec /usr/bin/podman --root "$containers/root" --runroot "$containers/run" --storage-driver "$storage" "\$@"
END
chmod +x "$work/podman"
remove_networks() {
  podman rm --all --force --time 5 >/dev/null 2>&1 || true
  podman pod rm --all --force >/dev/null 2>&1 || true
  podman network rm steps_edge steps_servers steps_database >/dev/null 2>&1 || true
  remove_containers
}
trap remove_networks EXIT
(cd "$work/compose" && "$python/bin/podman-compose" --podman-path "$work/podman" up --no-start) >"$work/said" 2>&1 ||
  fail "podman-compose makes no containers: $(cat "$work/said")"

# start SERVICE: and wait until its own health check says so.
start() {
  podman start "steps_$1_1" >/dev/null 2>&1 || fail "$1 does not start"
  until_done 120 podman healthcheck run "steps_$1_1" || fail "$1 is not healthy: $(podman logs "steps_$1_1" 2>&1 | tail)"
}
start mysql
podman start --attach steps_migrate_1 >"$work/said" 2>&1 || fail "it does not migrate: $(cat "$work/said")"
start server-1
start server-2
start balancer
proved "compose.yaml: MySQL, migrate, two servers and HAProxy, healthy by their own checks" \
  "podman-compose: users 999, 65532 and 99, read-only, no capabilities, secrets as files, limits; MySQL and HAProxy are Debian's"

export STEPS_SERVER=http://127.0.0.1:$free
STEPS_TOKEN=$(cat "$work/secrets/token")
export STEPS_TOKEN HOME=$work
steps() { "$programs/steps" "$@"; }
record() { steps record --strict --component checkout --version "$1" --owner ann --status succeeded >/dev/null || fail "$1 is not recorded"; }
until_done 30 steps status || fail "nobody answers"
record both
podman kill steps_server-1_1 >/dev/null 2>&1
for number in 1 2 3 4 5 6; do record "without-1-$number"; done
# It stays away: this podman has a name server for each network, and whether a container that starts again asks the right one is luck.
[ "$(steps list --format csv | wc -l)" -eq 8 ] || fail "not everything is listed that was recorded"
proved "containers: a server is killed, and every step is recorded" "steps record --strict, through the balancer"

for service in mysql server-2 balancer; do
  user=$(podman inspect --format '{{.Config.User}}' "steps_${service}_1")
  process=$(podman inspect --format '{{.State.Pid}}' "steps_${service}_1")
  grep -q '^CapEff:\s*0*$' "/proc/$process/status" || fail "$service has capabilities"
  grep -q '^NoNewPrivs:\s*1$' "/proc/$process/status" || fail "$service may get privileges"
  [ "$(awk '/^Uid:/ { print $2 ":" }' "/proc/$process/status")" = "${user%%:*}:" ] || fail "$service runs as somebody else"
done
dump=(mysqldump --single-transaction --no-tablespaces --set-gtid-purged=OFF --skip-add-locks --loose-skip-masking-policies --host=mysql --ssl-mode=REQUIRED)
password=$(cat "$work/secrets/steps-backup-password")
podman exec steps_mysql_1 "${dump[@]}" --user=steps_backup --password="$password" steps >"$work/dump.sql" 2>"$work/said" ||
  fail "the backup's user cannot dump: $(cat "$work/said")"
grep -q 'INSERT INTO .steps. ' "$work/dump.sql" || fail "nothing is in the dump"
proved "containers: no capability, no new privileges, another user than root; a dump" "/proc of each of them; mysqldump as README has it"
