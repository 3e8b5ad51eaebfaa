# The machine that deploy/aws/steps.yaml makes, booted for real as far as a namespace goes: Debian 13 with its systemd and its cloud-init,
# the user data of the template, a volume on a loop device. Sourced by part-aws; $user_data is the template's, filled in by the
# launcher's test.
# shellcheck shell=bash
# shellcheck disable=SC2154 # work, machine and user_data are of who sources this

volume_id=vol-0123456789abcdef0
outside=203.0.113.1 address=203.0.113.7

# What is given to the machine instead of what moto made up, and where it is.
prepare_machine() {
  mkdir -p "$work/services"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=services -keyout "$work/services/tls.key" \
    -out "$work/services/tls.crt" -addext "subjectAltName=DNS:secretsmanager.eu-central-1.amazonaws.com,DNS:packages.example,DNS:signals.example" \
    2>/dev/null
  "$binaries/steps-server" token generate >"$work/services/token"
  cp "$package" "$work/services/steps-server.deb"
  local sum
  sum=$(sha256sum "$package" | cut -d ' ' -f 1)
  cp "$work/services/tls.crt" "$machine/usr/local/share/ca-certificates/services.crt"
  chroot "$machine" update-ca-certificates >/dev/null 2>&1
  echo "$outside secretsmanager.eu-central-1.amazonaws.com packages.example signals.example" >>"$machine/etc/hosts"
  mkdir -p "$machine/var/lib/cloud/seed/nocloud"
  echo 'instance-id: i-test' >"$machine/var/lib/cloud/seed/nocloud/meta-data"
  sed -e "s|^region=.*|region='eu-central-1' secret='arn:aws:secretsmanager:eu-central-1:1:secret:TokenSecret-x' volume='$volume_id'|" \
    -e "s|^address=.*|address='$address' domain=''|" -e "s|^answer=.*|answer='https://signals.example/answer?a=1\&b=2'|" \
    -e "s|^package_url=.*|package_url='https://packages.example/steps-server.deb' package_sha256='$sum'|" \
    "$user_data" >"$machine/var/lib/cloud/seed/nocloud/user-data"
  printf 'datasource_list: [NoCloud]\nnetwork: {config: disabled}\n' >"$machine/etc/cloud/cloud.cfg.d/99-test.cfg"
  truncate -s 1G "$work/volume"
  loop=$(losetup --find --show "$work/volume")
}

# start_machine: boots it, and gives it what the kernel and the network give one at AWS. 1 where it does not boot here.
start_machine() {
  # As boot_machine of machine/lib.sh, which waits until all has started: here cloud-init goes on for minutes.
  local inside
  : >"$work/process1"
  tests/deploy/machine/boot "$machine" "$work/process1" >"$work/boot.log" 2>&1 &
  booted=$!
  for _ in $(seq 1200); do
    if [ -s "$work/process1" ]; then
      case $(in_machine systemctl is-system-running 2>/dev/null) in starting | running | degraded) break ;; esac
    fi
    kill -0 "$booted" 2>/dev/null || return 1
    sleep 0.1
  done
  inside=$(cat "$work/process1")
  in_machine mkdir -p /dev/disk/by-id
  in_machine mknod "$loop" b 7 "${loop#/dev/loop}" 2>/dev/null || true
  unshare --net sleep infinity &
  services_network=$!
  until [ "$(readlink "/proc/$services_network/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
  ip link add steps-machine netns "$inside" type veth peer name steps-outside netns "$services_network"
  nsenter --target "$services_network" --net sh -c "ip link set lo up && ip addr add $outside/24 dev steps-outside &&
    ip addr add 169.254.169.254/32 dev steps-outside && ip link set steps-outside up"
  nsenter --target "$inside" --net sh -c "ip link set lo up; ip addr add $address/24 dev steps-machine && ip link set steps-machine up &&
    ip route add 169.254.169.254 dev steps-machine"
  nsenter --target "$services_network" --net python3 tests/deploy/aws/services.py "$work/services" >"$work/services.log" 2>&1 &
  services=$!
  for _ in $(seq 100); do grep -q ready "$work/services.log" && break; sleep 0.1; done
  # The volume comes last, as at AWS.
  in_machine ln -sf "$loop" "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume_id//-/}"
}

halt_machine() {
  in_machine systemctl stop steps-server.socket steps-server mariadb >/dev/null 2>&1 || true
  in_machine sh -c 'umount /var/lib/mysql /srv/steps' >/dev/null 2>&1 || true
  stop_machine
  for process in "${services:-}" "${services_network:-}"; do
    if [ -n "$process" ]; then kill "$process" 2>/dev/null || true; wait "$process" 2>/dev/null || true; fi
  done
  services='' services_network=''
}

# told: what the machine told CloudFormation, in ten minutes at most; 1 where it was a failure.
told() {
  for _ in $(seq 1200); do
    if [ -e "$work/services/told" ]; then
      grep -q '"Status": "SUCCESS"' "$work/services/told" && return 0
      break
    fi
    sleep 0.5
  done
  cat "$work/services/told" >&2 || true
  in_machine journalctl --no-pager --lines 40 --output cat --unit mariadb --unit steps-server >&2 || true
  tail -n 40 "$machine/var/log/steps-setup.log" "$machine/var/log/cloud-init-output.log" >&2 || true
  return 1
}

# outside COMMAND...: from another machine.
from_outside() { nsenter --target "$services_network" --net "$@"; }
steps_outside() {
  from_outside env HOME="$work/home" STEPS_SERVER="https://$address" STEPS_TOKEN_FILE="$work/services/token" STEPS_CA_FILE="$work/ca.pem" \
    "$binaries/steps" "$@"
}
