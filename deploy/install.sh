#!/bin/sh
# Installs `steps`, and with --server `steps-server` too, of a release: picks the archive for this machine, verifies it, and
# puts programs, completions and man pages below a folder. It needs no root unless that folder does.
#
#   curl -fsSL https://github.com/steps-dev/steps/releases/latest/download/install.sh | sh
#   sh install.sh --version 0.1.0 --to /usr/local --server
#
#   --version VERSION   this one, and not the one that this script came with
#   --to FOLDER         programs in FOLDER/bin, the rest in FOLDER/share; unless said /usr/local for root, else ~/.local
#   --server            the server, too
#
# STEPS_RELEASES is another address of the releases: a mirror.
#
# The archive is verified by the checksums of the release; where GitHub's `gh` is logged in, its attestation is, too: that it
# was built by the release workflow of the repository.
#
# All is in functions and the last line calls them, so a script whose download was cut off does nothing.

set -eu

repository=steps-dev/steps
default_version=0.1.0

say() { printf 'install.sh: %s\n' "$1" >&2; }

fail() {
  say "$1"
  say "nothing was installed"
  exit 1
}

usage() {
  cat <<'END'
Installs steps: sh install.sh [--version VERSION] [--to FOLDER] [--server]

  --version VERSION   this version, such as 0.1.0
  --to FOLDER         programs in FOLDER/bin, completions and man pages in FOLDER/share;
                      unless said, /usr/local for root, else ~/.local
  --server            steps-server, too
END
}

has() { command -v "$1" >/dev/null 2>&1; }

# As the archives are named.
machine() {
  case $(uname -s) in
    Linux) system=linux ;;
    Darwin) system=macos ;;
    *) fail "there is no archive for $(uname -s); build it: cargo build --release" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) processor=x86_64 ;;
    aarch64 | arm64) processor=aarch64 ;;
    *) fail "there is no archive for $(uname -m); build it: cargo build --release" ;;
  esac
  echo "$system-$processor"
}

# download ADDRESS FILE
download() {
  # No redirect from https to anything else.
  case $1 in https://*) only='=https' ;; *) only='=http,https' ;; esac
  if has curl; then
    curl --fail --silent --show-error --location --proto "$only" --retry 3 --connect-timeout 20 --output "$2" "$1"
  elif has wget; then
    case $1 in
      https://*) wget --quiet --https-only --tries=3 --timeout=60 --output-document="$2" "$1" ;;
      *) wget --quiet --tries=3 --timeout=60 --output-document="$2" "$1" ;;
    esac
  else
    fail "it needs curl or wget"
  fi || fail "cannot download $1"
}

sha256() {
  if has sha256sum; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  else
    fail "it needs sha256sum or shasum"
  fi
}

# verify FOLDER ARCHIVE VERSION
verify() {
  # The name is compared as a text: a dot in it is a dot.
  expected=$(awk -v name="$2" '$2 == name || $2 == "*" name { print $1 }' "$1/SHA256SUMS")
  [ -n "$expected" ] || fail "the checksums of $3 do not name $2"
  actual=$(sha256 "$1/$2")
  [ "$actual" = "$expected" ] || fail "$2 has the SHA-256 $actual, and should have $expected: the download is damaged, or not ours"
  say "verified: SHA-256 of $2"
  if ! has gh; then
    say "its attestation was not verified: there is no gh here (https://cli.github.com)"
  elif ! gh auth status >/dev/null 2>&1; then
    say "its attestation was not verified: gh is not logged in (gh auth login)"
  elif gh attestation verify "$1/$2" --repo "$repository" --signer-workflow "$repository/.github/workflows/release.yml" >/dev/null; then
    say "verified: built by the release workflow of $repository"
  else
    fail "gh does not find that $2 was built by the release workflow of $repository"
  fi
}

# files FOLDER SERVER: what of the unpacked archive is installed, programs last.
files() {
  (cd "$1" && find share -type f && find bin -type f) | while read -r file; do
    case $2$file in no*steps-server*) ;; *) echo "$file" ;; esac
  done
}

# put FILE: moves it to where it belongs, and keeps what was there.
put() {
  if [ -e "$prefix/$1" ]; then
    mkdir -p "$folder/before/${1%/*}" && cp -p "$prefix/$1" "$folder/before/$1" || return 1
  fi
  mv -f "$unpacked/$1" "$prefix/$1"
}

# Undoes each `put` so far.
put_back() {
  for file in $list; do
    if [ -e "$folder/before/$file" ]; then
      mv -f "$folder/before/$file" "$prefix/$file" || true
    elif ! [ -e "$unpacked/$file" ]; then
      rm -f "$prefix/$file"
    fi
  done
}

main() {
  version=$default_version
  prefix=
  server=no
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --to)
        [ $# -gt 1 ] || fail "$1 needs a value"
        if [ "$1" = --to ]; then prefix=$2; else version=${2#v}; fi
        shift
        ;;
      --version=*) version=${1#*=} version=${version#v} ;;
      --to=*) prefix=${1#*=} ;;
      --server) server=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      *)
        usage >&2
        fail "it does not know $1"
        ;;
    esac
    shift
  done
  case $version in '' | *[!0-9A-Za-z.+-]*) fail "'$version' is no version; one is 0.1.0" ;; esac
  if [ -z "$prefix" ]; then
    if [ "$(id -u)" -eq 0 ]; then prefix=/usr/local; else prefix=${HOME:?HOME is not set; say --to FOLDER}/.local; fi
  fi
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  has tar || fail "it needs tar"

  name=steps-$version-$(machine)
  releases=${STEPS_RELEASES:-https://github.com/$repository/releases/download}
  mkdir -p "$prefix" || fail "cannot make $prefix; --to names another folder"
  # Beside where it goes, so that each file is moved there whole.
  folder=$(mktemp -d "$prefix/.steps-install.XXXXXX") || fail "cannot write to $prefix; --to names another folder"
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  say "downloading $releases/v$version/$name.tar.gz"
  download "$releases/v$version/SHA256SUMS" "$folder/SHA256SUMS"
  download "$releases/v$version/$name.tar.gz" "$folder/$name.tar.gz"
  verify "$folder" "$name.tar.gz" "$version"
  tar -xzf "$folder/$name.tar.gz" -C "$folder" || fail "$name.tar.gz cannot be unpacked"
  unpacked=$folder/$name
  said=$("$unpacked/bin/steps" --version) || fail "the program does not run on this machine"

  list=$(files "$unpacked" "$server")
  for file in $list; do
    mkdir -p "$prefix/${file%/*}" || fail "cannot make $prefix/${file%/*}"
    [ -w "$prefix/${file%/*}" ] || fail "cannot write to $prefix/${file%/*}; --to names another folder"
    [ ! -d "$prefix/$file" ] || fail "$prefix/$file is a folder"
  done
  # From here on a signal waits until all are there.
  trap '' INT TERM HUP
  mkdir "$folder/before"
  for file in $list; do
    put "$file" || {
      put_back
      fail "cannot write $prefix/$file; what was there before is there again"
    }
  done
  trap - INT TERM HUP

  say "installed $said:"
  for file in $list; do printf '  %s\n' "$prefix/$file" >&2; done
  case :${PATH:-}: in
    *":$prefix/bin:"*) ;;
    *) say "$prefix/bin is not in your PATH; add it: export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
}

main "$@"
