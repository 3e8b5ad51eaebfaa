# shellcheck shell=sh
# Records a deployment from any shell script, whatever becomes of the recording: it neither fails nor delays the script.
#
#   export STEPS_SERVER=https://steps.example.com STEPS_COMPONENT=shop STEPS_VERSION=4.2.0
#   . ./steps.sh          # this file, at the top of deploy.sh: the deployment begins, and ends with the script
#   steps_phase migrating # a phase begins
#
# It sets the traps of EXIT, INT and TERM. A token belongs into STEPS_TOKEN_FILE or STEPS_TOKEN, never into a script.

# The phase, or the end, that begins now.
steps_phase() {
  command -v steps >/dev/null 2>&1 || return 0
  steps record --best-effort --quiet --status "$1" || :
}

steps_ended() {
  trap - EXIT
  case $1 in
    0) steps_phase succeeded ;;
    130 | 143) steps_phase cancelled ;;
    *) steps_phase failed ;;
  esac
  exit "$1"
}

# Without a run of a CI system this script is one.
if [ -z "${STEPS_RUN:-}${CI:-}" ]; then
  STEPS_RUN=$(hostname 2>/dev/null || echo host)-$$-$(date +%s)
  export STEPS_RUN
fi
trap 'steps_ended $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
steps_phase started
