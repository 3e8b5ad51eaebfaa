# Boots the machine three times: new, again, and another machine with the same volume. Sourced by part-aws after boot.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # of who sources this

release=trixie
need_packages dpkg-dev
debian=(udev ca-certificates curl openssl cloud-init python3 iproute2 procps kmod)
make_machine "${debian[@]}"
# What it will install is downloaded before: it has no network but the services'.
cp /etc/resolv.conf "$machine/etc/resolv.conf"
rm -f "$machine/etc/apt/apt.conf.d/docker-clean"
if [ ! -d "$DEPLOY_FOLDER/machine-aws-archives" ]; then
  chroot "$machine" apt-get -qq install -y --no-install-recommends --download-only mariadb-server awscli unattended-upgrades e2fsprogs >&2
  mkdir "$DEPLOY_FOLDER/machine-aws-archives.new"
  cp "$machine"/var/cache/apt/archives/*.deb "$DEPLOY_FOLDER/machine-aws-archives.new/"
  mv "$DEPLOY_FOLDER/machine-aws-archives.new" "$DEPLOY_FOLDER/machine-aws-archives"
fi
cp "$DEPLOY_FOLDER/machine-aws-archives"/*.deb "$machine/var/cache/apt/archives/"
# Debian's image for AWS has it.
chroot "$machine" apt-get -qq install -y --no-install-recommends e2fsprogs >&2
: >"$machine/etc/resolv.conf"

# The package of part-bare, as far as this machine needs it: the same programs, units and scripts.
mkdir -p "$work/deb/DEBIAN" "$work/deb/usr/bin" "$work/deb/usr/lib/systemd/system" "$work/deb/etc/steps"
install -m 755 "$binaries/steps-server" "$work/deb/usr/bin/"
cp deploy/systemd/steps-server.{service,socket} "$work/deb/usr/lib/systemd/system/"
cp deploy/systemd/server.toml "$work/deb/etc/steps/"
install -m 755 deploy/debian/server/{postinst,prerm,postrm} "$work/deb/DEBIAN/"
printf 'Package: steps-server\nVersion: 0.1.0-1\nArchitecture: amd64\nMaintainer: test\nDescription: test\n' >"$work/deb/DEBIAN/control"
package=$work/steps-server.deb
dpkg-deb --build --root-owner-group -Znone "$work/deb" "$package" >/dev/null

prepare_machine
trap 'halt_machine; [ -z "${loop:-}" ] || losetup --detach "$loop"; rm -rf "$work"' EXIT
awk '/^--steps/ { part = 0 } /^#cloud-config/ { part = 1 } part' "$machine/var/lib/cloud/seed/nocloud/user-data" >"$machine/tmp/cloud-config"
chroot "$machine" cloud-init schema --config-file /tmp/cloud-config >&2 ||
  fail "cloud-init does not like the user data"
proved "user data" "the schema of $(chroot "$machine" cloud-init --version); less than 16 KiB"

cp -a "$machine" "$work/another"
if ! start_machine; then
  not_proved "the machine, booted" "systemd does not boot in a namespace here: $(tail -n 3 "$work/boot.log")"
  return 0
fi
told || fail "the machine said no success"
python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["Data"], end="")' "$work/services/told" >"$work/ca.pem"
mkdir -p "$work/home"
steps_outside record --component shop --version 1 --owner ann --status started >&2
[ "$(steps_outside list --component shop --count)" = 1 ] || fail "the machine's server does not answer from outside"
from_outside curl --silent --fail --cacert "$work/ca.pem" "https://$address/readyz" >/dev/null || fail "curl does not trust the certificate"
count='select count(*) from steps.steps'
[ "$(in_machine mariadb --batch --skip-column-names --execute "$count")" -ge 1 ] || fail "the step is not in MariaDB"
in_machine test -d /srv/steps/mysql/steps || fail "the database is not on the volume"
[ "$(in_machine sh -c 'stat -c %a-%U /etc/steps/bootstrap-token /etc/steps/database-url /srv/steps/tls/tls.key' | sort -u)" = 600-root ] ||
  fail "others can read a secret"
listening=$(in_machine ss -Hltn | awk '{ print $4 }' | sort | tr '\n' ' ')
[ "$listening" = "0.0.0.0:443 127.0.0.1:3306 " ] || fail "it listens on $listening"
process=$(in_machine systemctl show --value -p MainPID steps-server)
capabilities=$(in_machine grep CapEff "/proc/$process/status" | cut -f 2)
[ "$capabilities" = 0000000000000000 ] || fail "the server has capabilities: $capabilities"
if grep -rq "$(cat "$work/services/token")" "$machine/var/log" "$machine/var/lib/cloud"; then fail "the token is in a log"; fi
proved "the machine, booted" "Debian 13, systemd, cloud-init: volume, MariaDB, certificate, token from the secret by its role (IMDSv2), HTTPS on 443"

before=$(in_machine sha256sum /srv/steps/tls/tls.crt /etc/steps/database-url)
halt_machine
rm "$work/services/told"
start_machine || fail "the machine does not boot again"
told || fail "the second boot said no success"
[ "$(in_machine sha256sum /srv/steps/tls/tls.crt /etc/steps/database-url)" = "$before" ] || fail "the second boot made secrets again"
[ "$(steps_outside list --component shop --count)" = 1 ] || fail "the second boot lost a step"
halt_machine
rm "$work/services/told"
rm -rf "$machine"
machine=$work/another
start_machine || fail "another machine does not boot"
told || fail "another machine said no success"
[ "$(steps_outside list --component shop --count)" = 1 ] || fail "another machine with the same volume lost a step"
proved "its second boot" "the script runs again and destroys nothing; another machine with the same volume has the data and the certificate"

halt_machine
rm "$work/services/told"
wipefs --quiet --all "$loop" && mkswap "$loop" >/dev/null
start_machine || fail "the machine does not boot again"
if told 2>/dev/null; then fail "a volume with something else was taken"; fi
grep -q 'something else' "$work/services/told" || fail "CloudFormation is not told why: $(cat "$work/services/told")"
[ "$(blkid --probe --output value --match-tag TYPE "$loop")" = swap ] || fail "a volume with something else was formatted"
proved "a volume with something else" "is left as it is, and CloudFormation is told why"
halt_machine
