# What part-bare does with the packages in a machine that is booted: from the installation to the purge. Sourced by it.
# shellcheck shell=bash
# shellcheck disable=SC2154 # work, machine, release: of the files that part-bare sources before

install_packages() {
  in_machine sh -c "dpkg --force-confold --install /packages/$1/*.deb" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
}
property() { in_machine systemctl show --property "$1" --value steps-server.service; }
is_active() { in_machine systemctl is-active --quiet steps-server.service; }
health() { in_machine env STEPS_CONFIG=/etc/steps/server.toml "$@" steps-server healthcheck --ready; }
# grep -q would end before journalctl has written all.
logged() { in_machine journalctl --unit steps-server --no-pager | grep -e "$1" >/dev/null; }
# steps_ ARGUMENT...: the command in the machine, as the administrator.
steps_() { in_machine env STEPS_TOKEN_FILE=/etc/steps/bootstrap-token "${server_env[@]}" steps "$@"; }
server_env=(STEPS_SERVER=http://127.0.0.1:7878)
recorded=0
record() {
  steps_ record --no-spool --component shop --version "$1" --owner ann --status started >/dev/null || fail "$1 is not recorded"
  recorded=$((recorded + 1))
}
# Every step that was acknowledged is there.
count() {
  local rows
  rows=$(steps_ list --format jsonl | wc -l)
  [ "$rows" -eq "$recorded" ] || fail "$1: $rows steps are there, $recorded were recorded"
}
override() {
  in_machine mkdir -p "/etc/systemd/system/$1.d"
  in_machine sh -c "cat >/etc/systemd/system/$1.d/test.conf && systemctl daemon-reload"
}

# Installed: it serves at once, and wants a token.
install_packages first
is_active || fail "the server does not run after the installation: $(in_machine journalctl --no-pager --lines 20)"
[ "$(property StatusText)" = "serving http://127.0.0.1:7878" ] || fail "systemd was told $(property StatusText)"
[ "$(in_machine stat --format '%a %U' /etc/steps/bootstrap-token)" = "600 root" ] || fail "the token can be read"
if in_machine steps list >"$work/said" 2>&1; then fail "it answers without a token"; fi
health >"$work/said" 2>&1 || fail "$(cat "$work/said")"
record 1.0
count "installed"
systemd=$(in_machine systemctl --version | sed -n '1s/\(systemd [0-9]*\).*/\1/p')
proved "installation" "dpkg on Debian $release, booted with its $systemd in namespaces: ready when dpkg ends, a token of its own, records and lists"

# The unit, as systemd sees it.
in_machine sh -c 'cd /usr/lib/systemd/system && systemd-analyze verify --man=no ./steps-server*' >"$work/said" 2>&1 ||
  fail "$(cat "$work/said")"
! grep -q steps-server "$work/said" || fail "systemd-analyze verify: $(cat "$work/said")"
for unit in steps-server.service steps-server-prune.service steps-server-backup.service; do
  in_machine systemd-analyze security --no-pager --threshold=20 $unit >"$work/said" || fail "$unit: $(tail -n 1 "$work/said")"
done
exposure=$(in_machine systemd-analyze security --no-pager steps-server.service | sed -n 's/.*level for .*: \(.*\) .*/\1/p')
pid=$(property MainPID)
status=$(in_machine cat "/proc/$pid/status")
[ "$(grep -c -E '^(NoNewPrivs:\s1|Seccomp:\s2|Cap(Eff|Prm|Bnd|Amb):\s0+)$' <<<"$status")" -eq 6 ] || fail "$status"
! grep -q -E '^(Uid|Gid):.*\b0\b' <<<"$status" || fail "it runs as root"
[ "$(in_machine stat --format %a /var/lib/private/steps)" = 700 ] || fail "others read the database"
in_machine test -e /root/.bashrc
# shellcheck disable=SC2016 # this is for the inner shell
in_machine nsenter --target "$pid" --mount sh -c '! touch /etc/x 2>/dev/null && [ -z "$(ls -A /root)" ] && touch /tmp/x' ||
  fail "it is shown too much"
in_machine test ! -e /tmp/x || fail "its /tmp is that of others"
proved "hardening" "systemd-analyze verify is silent, security says $exposure (at most 2.0); in the running process: no capability, seccomp, no new privileges, a user of its own, read-only folders"

# SIGHUP, a hang, a wrong setting.
in_machine systemctl reload steps-server.service
[ "$(property MainPID)" = "$pid" ] || fail "reloading has ended it"
printf '[Service]\nWatchdogSec=3s\n' | override steps-server.service
in_machine systemctl restart steps-server.service
pid=$(property MainPID)
in_machine sh -c "kill -STOP $pid"
other_process() { is_active && [ "$(property MainPID)" != "$pid" ]; }
eventually "a server that hangs is started anew" other_process
logged 'Watchdog timeout' || fail "not by the watchdog"
eventually "it serves" health
count "after the watchdog"
in_machine rm -r /etc/systemd/system/steps-server.service.d
in_machine sed -i 's/^listen = .*/listen = "nowhere"/' /etc/steps/server.toml
in_machine systemctl daemon-reload
if in_machine systemctl restart steps-server.service 2>/dev/null; then fail "it starts with a wrong setting"; fi
[ "$(property ActiveState) $(property NRestarts)" = "failed 0" ] || fail "it is started again and again"
logged '/etc/steps/server.toml: .*listen' || fail "the log does not say what is wrong"
in_machine sed -i 's/^listen = .*/listen = "127.0.0.1:7878"/' /etc/steps/server.toml
in_machine systemctl start steps-server.service
proved "systemd" "ready when it serves; reload keeps the process; one that hangs is killed by the watchdog and started anew; one with a wrong setting is not started again and says why"

# The jobs.
in_machine systemctl start steps-server-backup.service || fail "$(in_machine journalctl --unit steps-server-backup --no-pager --lines 5)"
in_machine sh -c 'test -s /var/lib/private/steps/backups/steps-*.db' || fail "there is no backup"
in_machine systemctl start steps-server-prune.service || fail "$(in_machine journalctl --unit steps-server-prune --no-pager --lines 5)"
in_machine systemctl enable --now steps-server-prune.timer steps-server-backup.timer 2>/dev/null
record 1.1
count "after the jobs"
proved "timers" "backup and prune, as the service's user, beside the running server"

# A socket of systemd: nobody is refused while the server restarts.
in_machine systemctl stop steps-server.service
in_machine systemctl enable --now steps-server.socket 2>/dev/null
record 2.0
for restart in 1 2 3; do
  in_machine systemctl restart steps-server.service &
  restarting=$!
  while kill -0 $restarting 2>/dev/null; do record "2.$restart"; done
  wait $restarting
done
count "after restarts"
proved "socket activation" "three restarts while $recorded steps were recorded by a command that tries once: none refused"

# TLS.
certificate "$machine/etc/steps/tls.key" "$machine/etc/steps/tls.crt"
chmod 600 "$machine/etc/steps/tls.key"
in_machine mkdir -p /etc/systemd/system/steps-server.service.d
in_machine cp /usr/share/doc/steps-server/examples/tls.conf /etc/systemd/system/steps-server.service.d/
in_machine systemctl daemon-reload
in_machine systemctl restart steps-server.service
health STEPS_TLS_CERT=/etc/steps/tls.crt STEPS_TLS_KEY=/etc/steps/tls.key >"$work/said" 2>&1 || fail "$(cat "$work/said")"
server_env=(STEPS_SERVER=https://127.0.0.1:7878 STEPS_CA_FILE=/etc/steps/tls.crt)
record 3.0
count "over TLS"
proved "TLS" "a key that only root reads, given to the service by LoadCredential=; healthcheck and steps over TLS"

# An upgrade keeps what was recorded, and the settings that were changed.
echo '# mine' | in_machine tee -a /etc/steps/server.toml >/dev/null
pid=$(property MainPID)
install_packages second
eventually "the server is another process" other_process
in_machine dpkg --status steps-server | grep '^Version: .*-2$' >/dev/null || fail "it is the old version"
in_machine grep -q '^# mine' /etc/steps/server.toml || fail "the settings were lost"
record 4.0
count "after the upgrade"

# Removing keeps, purging does not.
in_machine dpkg --remove steps-server >"$work/said" 2>&1 || fail "$(cat "$work/said")"
! is_active || fail "it still runs"
in_machine test -s /var/lib/private/steps/steps.db -a -s /etc/steps/bootstrap-token || fail "removing has deleted something"
install_packages second
eventually "the server is back" is_active
count "removed and installed again"
in_machine dpkg --purge steps-server steps >"$work/said" 2>&1 || fail "$(cat "$work/said")"
left=$(in_machine find / -xdev '(' -path /proc -o -path /sys -o -path /packages -o -path /run -o -path /var/log -o -path /var/lib/dpkg ')' -prune -o \
  -name '*steps*' -not -path '/etc/systemd/system/steps-server.service.d*' -print)
[ -z "$left" ] || fail "after the purge there are: $left"
proved "upgrade, removal, purge" "dpkg, to a higher version and back: every acknowledged step and changed setting is kept; after a purge nothing is left but what an administrator made"
