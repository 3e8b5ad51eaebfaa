# Whether a change of the sources reuses the image's layer of dependencies; a part of part-image.
#
# The Dockerfile is built as it stands, twice, with a change of the sources between, on a stand-in for Rust's image whose
# `cargo` and `rustc` only say that they were called: Rust's own image cannot be had without its registry. That the real
# cargo then compiles nothing but the project's own crates is checked by tests/deploy/static, at each build.
# shellcheck shell=bash disable=SC2154

need_packages busybox-static
layers=$work/layers
stand_in=$layers/stand-in
mkdir -p "$stand_in/bin" "$stand_in/etc/ssl/certs" "$layers/context"
cp /bin/busybox "$stand_in/bin/busybox"
for name in sh echo mkdir sed tr uname dirname rm cat grep; do ln -s busybox "$stand_in/bin/$name"; done
# busybox of Debian has no `install`.
ldd /usr/bin/install | grep -o '/[^ ]*' | xargs cp --parents -L -t "$stand_in" /usr/bin/install
echo certificates >"$stand_in/etc/ssl/certs/ca-certificates.crt"
# Builds "programs" that hold what the sources hold.
cat >"$stand_in/bin/cargo" <<'END'
#!/bin/sh
echo "stand-in: cargo $1" >&2
if [ "$1" = auditable ]; then
  mkdir -p /target/x86_64-unknown-linux-gnu/release
  cat steps-cli/src/main.rs >/target/x86_64-unknown-linux-gnu/release/steps
  cat steps-server/src/main.rs >/target/x86_64-unknown-linux-gnu/release/steps-server
fi
END
chmod +x "$stand_in/bin/"*
printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/bin:/bin\n' >"$layers/Dockerfile"
# x86_64 whatever this machine is: the stand-in compiles nothing.
layered() { buildah bud --isolation chroot --format docker --layers --platform linux/amd64 "$@"; }
rust=docker.io/library/rust:$(sed -n 's/^ARG RUST_VERSION=//p' deploy/container/Dockerfile)-slim-bookworm
layered --quiet -f "$layers/Dockerfile" -t "$rust" "$stand_in" >/dev/null
git ls-files -z Cargo.toml Cargo.lock deploy shared steps-cli steps-server 'tests/*Cargo.toml' |
  xargs -0 cp --parents -t "$layers/context"
whole() {
  layered -f "$layers/context/deploy/container/Dockerfile" --ignorefile deploy/container/Dockerfile.dockerignore \
    --pull-never -t "localhost/whole:$1" "$layers/context" >"$layers/$1.log" 2>&1 ||
    { tail -n 30 "$layers/$1.log" >&2; fail "the whole Dockerfile cannot be built on the stand-in"; }
}
# Whether a build ran this step, and did not take its layer from the build before.
ran() { grep -A 1 -F "RUN $2" "$layers/$1.log" | grep -q 'stand-in: cargo'; }
whole first
ran first 'deploy/release/build --dependencies' || fail "the first build did not build the dependencies"
echo '// a change' >>"$layers/context/steps-server/src/main.rs"
whole sources
if ran sources 'deploy/release/build --dependencies'; then fail "a change of the sources builds the dependencies again"; fi
ran sources 'if' || fail "a change of the sources does not build the programs again"
echo '# a change' >>"$layers/context/Cargo.lock"
whole lock
ran lock 'deploy/release/build --dependencies' || fail "a change of Cargo.lock does not build the dependencies again"
proved "a change of the sources reuses the layer of the dependencies, a change of Cargo.lock does not" "the whole Dockerfile, three times, on a stand-in for Rust's image"
if [ -z "${DEPLOY_BINARIES:-}" ]; then
  proved "nothing but the project's own crates is compiled after the dependencies' layer" "tests/deploy/static: the Dockerfile's copies and cargo's own words"
else
  not_proved "nothing but the project's own crates is compiled after the dependencies' layer" "DEPLOY_BINARIES is set, so nothing was compiled"
fi
not_proved "the build on Rust's own image, and for aarch64" "no registry and no standard library of Rust for aarch64 can be had here"
