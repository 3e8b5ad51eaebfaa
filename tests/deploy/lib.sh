# What the parts of `make deploy-test` share; sourced by each of them, from the repository's root.
# shellcheck shell=bash

part=$(basename "$0")
part=${part#part-}
work=$(mktemp -d "${TMPDIR:-/tmp}/steps-deploy-$part.XXXXXX")
trap 'rm -rf "$work"' EXIT

# proved WHAT HOW / not_proved WHAT WHY: a row of the table.
proved() { printf 'proved\t%s: %s\t%s\n' "$part" "$1" "$2" >>"${DEPLOY_TABLE:-/dev/stderr}"; }
not_proved() { printf 'not\t%s: %s\t%s\n' "$part" "$1" "$2" >>"${DEPLOY_TABLE:-/dev/stderr}"; }

fail() {
  echo "deploy-test: $part: $1" >&2
  exit 1
}

# Debian's packages that are absent are installed.
need_packages() {
  local absent=()
  for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || absent+=("$package"); done
  [ "${#absent[@]}" -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || fail "needs Debian's packages: ${absent[*]}"
  { DEBIAN_FRONTEND=noninteractive apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${absent[@]}"; } >&2
}

# python_tools NAME==VERSION...: the programs of these packages, of PyPI, stand in $python/bin.
python_tools() {
  python=$DEPLOY_FOLDER/python-$part
  if [ "$(cat "$python/installed" 2>/dev/null)" != "$*" ]; then
    rm -rf "$python"
    python3 -m venv "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
    echo "$*" >"$python/installed"
  fi
}
