# What static programs need of a system, in a root folder that has none; a part of part-image.
# shellcheck shell=bash disable=SC2154

need_packages openssl util-linux gcc libc6-dev

# --- Names and certificates --------------------------------------------------------------------------------------------

tls=$work/tls
mkdir "$tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=authority of a test' \
  -addext basicConstraints=critical,CA:TRUE -keyout "$tls/ca.key" -out "$tls/ca.crt" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=steps.test' -keyout "$tls/tls.key" -out "$tls/tls.csr" 2>/dev/null
printf 'subjectAltName=DNS:steps.test,DNS:localhost,IP:127.0.0.1\n' >"$tls/names"
openssl x509 -req -days 2 -in "$tls/tls.csr" -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -CAcreateserial -extfile "$tls/names" -out "$tls/tls.crt" 2>/dev/null
chown 65532:65532 "$tls/tls.key"
echo 'nameserver 127.0.0.1' >"$work/resolv.conf"

locked_down --detach --name server --network none --tmpfs /tmp "${secrets[@]}" -v data:/data -v "$tls:/run/tls:ro" \
  -v "$work/resolv.conf:/etc/resolv.conf:ro" -e STEPS_TLS_CERT=/run/tls/tls.crt -e STEPS_TLS_KEY=/run/tls/tls.key "$image" >/dev/null
ready
proved "the health check follows TLS" "a server with a certificate"
process=$(podman inspect --format '{{.State.Pid}}' server)
nsenter -t "$process" -n python3 tests/deploy/dns.py steps.test &
names=$!

over_tls() {
  locked_down --rm --network container:server "${cli[@]}" -e STEPS_SERVER=https://steps.test:7878 \
    -v "$work/resolv.conf:/etc/resolv.conf:ro" "$@"
}
trusted=(-v "$tls/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro")
until_done 30 over_tls "${trusted[@]}" "$image" steps status || fail "no name is resolved by a name server, or no certificate is found"
proved "names are resolved by a name server" "a static program in a root folder without glibc's plugins; a name server of the test"
kill "$names"
wait "$names" 2>/dev/null || true
if over_tls "$image" steps status >"$work/said" 2>&1; then fail "a name is resolved without a name server"; fi

# With host names alone. The first container's network is shared, so its hosts file is, too.
echo '127.0.0.1 steps.test' >"$work/hosts"
in_hosts=(-v "$work/hosts:/etc/hosts:ro")
over_tls "${in_hosts[@]}" "${trusted[@]}" "$image" steps status >/dev/null || fail "no name is resolved by /etc/hosts"
proved "names are resolved by /etc/hosts" "the same, the name server gone"
if over_tls "${in_hosts[@]}" "$image" steps status >"$work/said" 2>&1; then fail "the authority of a test is trusted"; fi
grep -q -i certificate "$work/said" || fail "an unknown authority is not told: $(cat "$work/said")"
proved "public authorities are trusted, others are not" \
  "its own command: with the image's certificates the test's authority is refused, with that in their place it is accepted"
podman rm --force --time 15 server >/dev/null

# --- Another user, no HOME, no time zones of the system -------------------------------------------------------------------

empty=$work/empty
install -D -t "$empty" "$binaries/steps" "$binaries/steps-server"
install -d -m 1777 "$empty/tmp"
bare() { env -i "$(command -v chroot)" --userspec=12345:12345 "$empty" "$@"; }
bare /steps-server --listen 127.0.0.1:0 --database-url sqlite:/tmp/steps.db 2>"$work/bare.log" &
server=$!
listening() { grep -q -o 'listening on http://[0-9.:]*' "$work/bare.log"; }
until_done 60 listening || { cat "$work/bare.log" >&2; fail "the server does not start without HOME"; }
url=$(grep -o 'http://[0-9.:]*' "$work/bare.log" | head -n 1)
bare /steps record --server "$url" --component api --version 1 --status building --ts 2026-01-01T20:00:00Z >/dev/null
bare /steps record --server "$url" --component api --version 1 --status succeeded --ts 2026-01-01T20:05:00Z >/dev/null
bare /steps stats --server "$url" --by day --tz Asia/Tokyo --format csv --since 2026-01-01 | grep -q '2026-01-02' ||
  fail "time zones do not work without those of the system"
kill -TERM "$server"
wait "$server" || fail "the server without HOME ends with $?"
proved "both programs work as a user without a name and without HOME, and know the time zones" "chroot to a folder with the two programs and /tmp"

# --- Plugins of the machine's glibc --------------------------------------------------------------------------------------

# As on most distributions, nsswitch.conf names a plugin, here one that ends whoever loads it. A static program without
# deploy/release/names.c loads it: that shows that the test would find it out.
libraries=$empty$(dirname "$(ldd /bin/true | grep -o '/[^ ]*/libc.so.6')")
mkdir -p "$libraries" "$empty/etc"
printf '#include <stdlib.h>\n__attribute__((constructor)) static void trap(void) { abort(); }\n' >"$work/trap.c"
gcc -shared -fPIC -o "$libraries/libnss_trap.so.2" "$work/trap.c"
ldd /bin/true | grep -o '/[^ ]*' | xargs cp --parents -L -t "$empty"
printf 'passwd: trap files\ngroup: trap files\nhosts: trap files dns\n' >"$empty/etc/nsswitch.conf"
echo '127.0.0.1 localhost' >"$empty/etc/hosts"
printf '#include <netdb.h>\nint main(void) { struct addrinfo *found; return getaddrinfo("localhost", "80", 0, &found); }\n' >"$work/lookup.c"
gcc -static -o "$empty/lookup" "$work/lookup.c" 2>/dev/null
gcc -static -o "$empty/lookup-names" "$work/lookup.c" deploy/release/names.c 2>/dev/null
if (ulimit -c 0 && bare /lookup) 2>/dev/null; then fail "the test of plugins shows nothing"; fi
bare /lookup-names || fail "deploy/release/names.c does not keep plugins out"
bare /steps-server --listen 127.0.0.1:0 --database-url sqlite:/tmp/steps.db 2>"$work/bare.log" &
server=$!
until_done 60 listening || { cat "$work/bare.log" >&2; fail "the server loads plugins of glibc"; }
url=$(grep -o 'http://[0-9.:]*' "$work/bare.log" | head -n 1)
bare /steps list --server "http://localhost:${url##*:}" >"$work/said" 2>&1 || fail "the command loads plugins of glibc: $(cat "$work/said")"
kill -TERM "$server"
wait "$server" || fail "the server with plugins about ends with $?"
proved "static programs load none of the machine's glibc plugins, which would crash them on other distributions" \
  "an nsswitch.conf with a plugin that aborts; a program without deploy/release/names.c does load it"
