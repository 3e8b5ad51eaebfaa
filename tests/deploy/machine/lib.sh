# A machine with systemd for the parts of `make deploy-test`: Debian's packages in a folder, booted in namespaces of its own, without
# a network. Sourced after ../lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2120 # work is of ../lib.sh; a part may want no more packages

release=bookworm

# make_machine PACKAGE...: $machine is a root folder of Debian with these packages. It is made once, and each part has a copy.
make_machine() {
  need_packages debootstrap
  local base
  base=$DEPLOY_FOLDER/machine-$release-$(echo "$*" | sha256sum | cut -c 1-12)
  if [ ! -f "$base/made" ]; then
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --include=systemd,dbus,init-system-helpers $release "$base/root" \
      "${DEPLOY_DEBIAN:-http://deb.debian.org/debian}" >"$base/log" 2>&1 || fail "no Debian was made: $(tail -n 3 "$base/log")"
    if [ $# -gt 0 ]; then
      printf '#!/bin/sh\nexit 101\n' >"$base/root/usr/sbin/policy-rc.d"
      chmod 755 "$base/root/usr/sbin/policy-rc.d"
      cp /etc/resolv.conf "$base/root/etc/resolv.conf"
      DEBIAN_FRONTEND=noninteractive chroot "$base/root" apt-get -qq install -y --no-install-recommends "$@" >>"$base/log" 2>&1 ||
        fail "the machine's packages cannot be installed: $(tail -n 3 "$base/log")"
      rm "$base/root/usr/sbin/policy-rc.d"
    fi
    touch "$base/made"
  fi
  machine=$work/machine
  cp -a "$base/root" "$machine"
}

# boot_machine: starts it; 1 where that cannot be done here. It ends with the part.
boot_machine() {
  [ "$(id -u)" -eq 0 ] || return 1
  : >"$work/process1"
  "$(dirname "${BASH_SOURCE[0]}")/boot" "$machine" "$work/process1" >"$work/boot.log" 2>&1 &
  booted=$!
  trap 'stop_machine; rm -rf "$work"' EXIT
  for ((left = 600; left > 0; left--)); do
    if [ -s "$work/process1" ]; then
      case $(in_machine systemctl is-system-running 2>/dev/null) in running | degraded) return 0 ;; esac
    fi
    kill -0 "$booted" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

stop_machine() {
  if [ -n "${booted:-}" ]; then
    kill "$booted" 2>/dev/null || true
    wait "$booted" 2>/dev/null || true
    booted=
  fi
}

# in_machine COMMAND...: runs it in the machine.
in_machine() {
  nsenter --target "$(cat "$work/process1")" --all --root --wd env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 "$@"
}

# certificate KEY CERTIFICATE: for 127.0.0.1, which a client trusts by itself.
certificate() {
  printf '[req]\ndistinguished_name = name\n[name]\n' >"$work/openssl.cnf"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=steps -config "$work/openssl.cnf" \
    -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE -keyout "$1" -out "$2" 2>/dev/null
}

# eventually WHAT COMMAND...: waits until the command succeeds, for two minutes.
eventually() {
  local what=$1
  shift
  for ((left = 600; left > 0; left--)); do
    if "$@" >"$work/said" 2>&1; then return 0; fi
    sleep 0.2
  done
  fail "$what: still not so after two minutes; $(tail -n 5 "$work/said")"
}
