#!/usr/bin/env bash
# A worker of the pool in any language, here in bash: asks for its next video, works on it, says what has become of it.
#   outside.sh <worker id> <worker count> <program and arguments>
# The program gets the source as its last argument. Exit code 0 completes the video with what it prints (JSON), 1 lets it be
# tried again, anything else fails it for good.
set -u
worker=$1 count=$2
shift 2
api=${HIDB_URL:-http://127.0.0.1:3000}/api/v1/videos
token=${HIDB_TOKEN:-$(cat "${HIDB_TOKEN_FILE:-data/token}")}

# The token goes through a pipe: arguments can be seen by everybody on this host.
call() { curl -sS --fail --max-time 60 --retry 5 --retry-connrefused -H @<(printf 'authorization: Bearer %s' "$token") "$@"; }
tell() { call -H 'content-type: application/json' --data-binary @- "$api/$video/$1" >/dev/null; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\(\([^\"\\\\,}]\|\\\\.\)*\).*/\1/p" <<<"$answer"; }

while answer=$(call "$api/next?worker_id=$worker&worker_count=$count"); do
  if [ -z "$answer" ]; then
    [ -n "${HIDB_ONCE:-}" ] && exit 0
    sleep "${HIDB_IDLE_S:-5}"
    continue
  fi
  video=$(field id) claim=$(field claim) lease_ms=$(field lease_ms) source=$(field source)
  # Whatever takes longer than the lease says so in between, for as long as this script lives.
  (while sleep $((lease_ms / 3000 + 1)) && kill -0 $$ 2>/dev/null; do printf '{"claim":"%s"}' "$claim" | tell renew || break; done) 2>/dev/null &
  keeper=$!
  output=$("$@" "$(printf '%b' "$source")")
  case $? in
    0) body="\"outcome\":\"completed\",\"output\":${output:-null}" ;;
    1) body='"outcome":"retry","reason":"the program ended with 1"' ;;
    *) body="\"outcome\":\"failed\",\"reason\":\"the program ended with an error\"" ;;
  esac
  kill "$keeper" 2>/dev/null
  # Refused when the claim is lost: somebody else has the video by now.
  printf '{"claim":"%s",%s}' "$claim" "$body" | tell outcome
done
