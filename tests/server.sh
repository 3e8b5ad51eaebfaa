# Sourced by `with-mariadb` and `with-mysql`, which set `name`: a private database server in a folder of its own, which is
# gone with the script.
# shellcheck shell=bash

folder=$(mktemp -d "${TMPDIR:-/tmp}/steps-$name.XXXXXX")
server=

clean_up() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

fail() {
  echo "with-$name: $1" >&2
  tail -n 20 "$folder"/*.log >&2 || true
  exit 1
}

# start_server PROGRAM [ARGUMENT...]: starts it on a free port of 127.0.0.1, and waits until `answers` says that it answers;
# sets `port` and `server`.
start_server() {
  # A port may be taken between the choice and the start, so a server that ends is started at another.
  # Those below 32768 are not given to outgoing connections.
  local deadline
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    "$@" --datadir="$folder/data" --socket="$folder/socket" --pid-file="$folder/pid" --port="$port" \
      --bind-address=127.0.0.1 --max-connections=500 >"$folder/server.log" 2>&1 &
    server=$!
    deadline=$((SECONDS + 120))
    while kill -0 "$server" 2>/dev/null; do
      # The socket says that it is this server which answers, and not a stranger on the same port.
      if [ -S "$folder/socket" ] && answers; then return; fi
      [ "$SECONDS" -lt "$deadline" ] || fail "the server does not answer after 120 s"
      sleep 0.1
    done
    wait "$server" || true
    server=
  done
  fail "the server does not start"
}

# run_command COMMAND [ARGUMENT...]: runs it, and ends with its exit code.
run_command() {
  # In the background, so that a signal is acted on at once, and not only when the command has ended;
  # bash starts such a command deaf to Ctrl-C, hence TERM.
  "$@" <&0 &
  command=$!
  stop_command() {
    kill -TERM "$command" 2>/dev/null || true
    wait "$command" || true
    exit "$1"
  }
  trap 'stop_command 130' INT
  trap 'stop_command 143' TERM HUP
  wait "$command"
}
