# deploy/install.sh against a server with archives that the release workflow's script made; a part of part-workflows.
# shellcheck shell=bash disable=SC2154

need_packages curl wget dash busybox-static
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
grep -q "^default_version=$version\$" deploy/install.sh || fail "deploy/install.sh installs another version than Cargo.toml's"
name=linux-$(uname -m)
binaries=$(tests/deploy/static)
cargo run --quiet --locked -p steps-pages -- "$work/pages"

# --- The archive ---------------------------------------------------------------------------------------------------------

served=$work/served/v$version
deploy/release/package archive "$binaries" "$name" "$work/pages" "$served" >/dev/null
archive=$served/steps-$version-$name.tar.gz
deploy/release/package archive "$binaries" "$name" "$work/pages" "$work/again" >/dev/null
cmp -s "$archive" "$work/again/$(basename "$archive")" || fail "the same input makes another archive"
deploy/release/package checksums "$served"
(cd "$served" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums are wrong"
tar -tzf "$archive" | sed "s|^steps-$version-$name/||" | grep -v '/$' | LC_ALL=C sort >"$work/listed"
for file in bin/steps bin/steps-server share/man/man1/steps.1 share/man/man1/steps-server.1 \
  share/bash-completion/completions/steps share/zsh/site-functions/_steps share/fish/vendor_completions.d/steps.fish share/doc/steps/LICENSE; do
  grep -qx "$file" "$work/listed" || fail "the archive has no $file"
done
proved "the archive has programs, man pages, completions and licence; the same input gives the same bytes" "deploy/release/package, as the release workflow calls it"

# --- Installing it -------------------------------------------------------------------------------------------------------

python3 tests/deploy/releases.py "$work/served" >"$work/port" &
releases_server=$!
trap 'kill "$releases_server" 2>/dev/null; chattr -i -R "$work" 2>/dev/null; rm -rf "$work"' EXIT
deadline=$((SECONDS + 60))
until [ -s "$work/port" ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the server of the test does not start"
  sleep 0.1
done
site=http://127.0.0.1:$(cat "$work/port")

# What stands in PATH: this machine's tools without gh, so that no login of this machine matters.
tools=$work/tools
mkdir -p "$tools"
for tool in sh dash busybox uname id mkdir mktemp rm mv cp cut awk sha256sum tar gzip find cat curl env; do
  ln -s "$(command -v "$tool")" "$tools/$tool"
done

# install_with SHELL [ARGUMENT...]: into a home of its own, by a user of its own; sets `code`, `said` and `home`.
count=0
install_with() {
  local shell=$1
  shift
  count=$((count + 1))
  home=${into:-$work/home$count}
  mkdir -p "$home"
  code=0
  # shellcheck disable=SC2086
  env -i HOME="$home" PATH="${path:-$tools}" STEPS_RELEASES="${releases:-$site}" $shell deploy/install.sh --to "$home/.local" "$@" \
    >"$work/out" 2>"$work/said" || code=$?
}
installed() { (cd "$home/.local" 2>/dev/null && find . -type f -o -type l) | LC_ALL=C sort; }
worked() { [ "$code" -eq 0 ] || fail "$1: $(cat "$work/said")"; }
says() { grep -q -e "$1" "$work/said" || fail "it does not say '$1': $(cat "$work/said")"; }
refused() {
  [ "$code" -ne 0 ] || fail "$1: it ends with 0"
  [ -z "$(installed)" ] || fail "$1: it leaves $(installed)"
  says "$2"
}

for shell in dash "busybox sh" bash; do
  path=$tools:$(dirname "$(command -v bash)") install_with "$shell"
  worked "it does not install with $shell"
done
[ "$("$home/.local/bin/steps" --version)" = "$("$binaries/steps" --version)" ] || fail "what was installed is another program"
[ ! -e "$home/.local/bin/steps-server" ] || fail "it installs the server unasked"
for file in bash-completion/completions/steps man/man1/steps.1; do
  [ -e "$home/.local/share/$file" ] || fail "it does not install share/$file"
done
[ -z "$(find "$home" -name '.steps-install*')" ] || fail "it leaves its own folder"
while read -r file; do grep -q -F "${file#.}" "$work/said" || fail "it does not say that it installed $file"; done < <(installed)
says "is not in your PATH"
install_with dash --server --version "v$version"
worked "with --server"
[ -x "$home/.local/bin/steps-server" ] || fail "it does not install the server"
into=$home install_with dash --server
worked "over itself"
rm "$tools/curl"
ln -s "$(command -v wget)" "$tools/wget"
install_with dash
worked "with wget"
proved "install.sh installs, and says what" "a local server; dash, busybox and bash; curl and wget; with and without the server; over itself"

releases=$site/cut install_with dash
refused "half a download by wget" "cannot download\|should have"
rm "$tools/wget"
install_with dash
refused "neither curl nor wget" "it needs curl or wget"
ln -s "$(command -v curl)" "$tools/curl"
releases=$site/cut install_with dash
refused "half a download by curl" "cannot download"
releases=$site/nowhere install_with dash
refused "a release that is not there" "cannot download"
install_with dash --version 9.9.9
refused "a version that is not there" "cannot download .*v9.9.9"
install_with dash --version '../../x'
refused "a version that is none" "is no version"
install_with dash --serve
refused "an unknown flag" "does not know --serve"
for fault in wrong absent; do
  cp -r "$work/served" "$work/served-$fault"
  sums=$work/served-$fault/v$version/SHA256SUMS
  if [ "$fault" = wrong ]; then sed -i 's/^......../00000000/' "$sums"; else sed -i "s/steps-$version/steps-x/" "$sums"; fi
done
mkdir "$work/served/faults"
mv "$work/served-wrong" "$work/served/faults/wrong"
mv "$work/served-absent" "$work/served/faults/absent"
releases=$site/faults/wrong install_with dash
refused "a wrong checksum" "should have 00000000"
releases=$site/faults/absent install_with dash
refused "no checksum" "do not name"
for machine in "FreeBSD amd64" "Linux riscv64"; do
  mkdir -p "$work/other"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\ncase $1 in -s) echo %s ;; *) echo %s ;; esac\n' "${machine% *}" "${machine#* }" >"$work/other/uname"
  chmod +x "$work/other/uname"
  path=$work/other:$tools install_with dash
  refused "$machine" "there is no archive for"
done
for length in $(seq 200 397 "$(($(stat -c %s deploy/install.sh) - 12))"); do
  head -c "$length" deploy/install.sh >"$work/part.sh"
  mkdir -p "$work/cut"
  env -i HOME="$work/cut" PATH="$tools" STEPS_RELEASES="$site" dash "$work/part.sh" >/dev/null 2>&1 || true
  [ -z "$(ls -A "$work/cut")" ] || fail "the first $length bytes of install.sh do something"
done
proved "install.sh refuses and leaves nothing behind" \
  "wrong and missing checksum, half a download, no release, unknown machine, unknown flag, and the script itself cut off at any place"

# A file that cannot be replaced, in the middle: what was there before is there again.
into=$work/stuck install_with dash
before=$(cd "$home/.local" && find . -type f -exec sha256sum {} + | sort)
echo older >"$home/.local/share/doc/steps/LICENSE"
before=$(cd "$home/.local" && find . -type f -exec sha256sum {} + | sort)
if chattr +i "$home/.local/bin/steps" 2>/dev/null; then
  into=$work/stuck install_with dash
  chattr -i "$home/.local/bin/steps"
  [ "$code" -ne 0 ] || fail "a file that cannot be replaced: it ends with 0"
  [ "$(cd "$home/.local" && find . -type f -exec sha256sum {} + | sort)" = "$before" ] || fail "half an install is left: $(cat "$work/said")"
  proved "where a file cannot be replaced, what was there before is there again" "an immutable file"
else
  not_proved "where a file cannot be replaced, what was there before is there again" "no file can be made immutable here"
fi

# gh that is logged in is asked, and believed; a stand-in says yes, and no.
mkdir "$work/gh"
cat >"$work/gh/gh" <<END
#!/bin/sh
echo "\$@" >>"$work/gh/asked"
case \$1 in auth) exit \$(cat "$work/gh/login") ;; *) exit \$(cat "$work/gh/answer") ;; esac
END
chmod +x "$work/gh/gh"
echo 0 >"$work/gh/login"
echo 0 >"$work/gh/answer"
path=$work/gh:$tools install_with dash
worked "gh says yes"
says 'verified: built by the release workflow'
grep -q "^attestation verify .*steps-$version-$name.tar.gz --repo steps-dev/steps" "$work/gh/asked" || fail "gh is asked something else"
echo 1 >"$work/gh/answer"
path=$work/gh:$tools install_with dash
refused "an attestation that does not fit" "gh does not find"
echo 1 >"$work/gh/login"
path=$work/gh:$tools install_with dash
worked "gh without a login"
says 'gh is not logged in'
proved "where gh is logged in, install.sh installs only what it vouches for" "a stand-in for gh"
not_proved "that gh finds the attestation of a real release" "no GitHub here"
