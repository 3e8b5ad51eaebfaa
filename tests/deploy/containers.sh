# Images and containers without a daemon and without a registry; sourced after lib.sh. Everything stands below $work and is gone
# with the part, whatever ends it.
# shellcheck shell=bash disable=SC2154

need_packages buildah podman runc ca-certificates
containers=$work/containers
mkdir -p "$containers"
cat >"$containers/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
END
export CONTAINERS_CONF=$containers/containers.conf

# Layers as overlays where the kernel lets us, else as whole copies.
storage=vfs
mkdir "$containers/"{lower,upper,over,merged}
if mount -t overlay overlay -o "lowerdir=$containers/lower,upperdir=$containers/upper,workdir=$containers/over" "$containers/merged" 2>/dev/null; then
  umount "$containers/merged"
  storage=overlay
fi
buildah() { command buildah --root "$containers/root" --runroot "$containers/run" --storage-driver "$storage" "$@"; }
podman() { command podman --log-level error --root "$containers/root" --runroot "$containers/run" --storage-driver "$storage" "$@"; }

remove_containers() {
  podman rm --all --force --time 5 >/dev/null 2>&1 || true
  podman volume rm --all --force >/dev/null 2>&1 || true
  buildah rm --all >/dev/null 2>&1 || true
  awk -v under="$containers/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount 2>/dev/null || true
  rm -rf "$work"
}
trap remove_containers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# build_image NAME BINARIES: the last stage of the Dockerfile around these programs, with this machine's certificates.
build_image() {
  local architecture folder=$containers/stages
  architecture=$(dpkg --print-architecture)
  mkdir -p "$folder/programs"
  ln -sfn "$(realpath "$2")" "$containers/binaries"
  install -D -t "$folder/programs/$architecture" "$containers/binaries/steps" "$containers/binaries/steps-server"
  install -D -m 644 -t "$folder/root/root-folder/etc/ssl/certs" /etc/ssl/certs/ca-certificates.crt
  install -d -m 700 -o 65532 -g 65532 "$folder/root/root-folder/data"
  install -d -m 1777 "$folder/root/root-folder/tmp"
  buildah bud --isolation chroot --format docker --layers --quiet -f deploy/container/Dockerfile \
    --ignorefile deploy/container/Dockerfile.dockerignore --platform "linux/$architecture" \
    --build-context "programs=$folder/programs" --build-context "root=$folder/root" \
    --build-arg COMMIT="$(git rev-parse HEAD 2>/dev/null || echo unknown)" -t "$1" . >"$containers/build.log" 2>&1 ||
    { cat "$containers/build.log" >&2; fail "the image cannot be built"; }
}

# locked_down [OPTION...] IMAGE...: a container as it should run: a read-only root, no capabilities, no new privileges.
locked_down() {
  podman run --no-healthcheck --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges "$@"
}

# until SECONDS COMMAND...: does it until it succeeds.
until_done() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >"$containers/said" 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      cat "$containers/said" >&2
      return 1
    fi
    sleep 0.2
  done
}
