#!/usr/bin/env bash
# What policies cost: the server's CPU time for a GET of an image's manifest by tag, without policies and with one that
# lets it through, in turn. Needs wrk and curl.
#
#   bench/policy-cost.sh [PROGRAM] [ROUNDS]    the defaults are artifacts/publish/berth and 15
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
rounds=${2:-15}
without=http://127.0.0.1:5598
with=http://127.0.0.1:5599
password=longpassword
config='{"config":{"Labels":{"team":"web"}}}'
digest=sha256:$(printf %s "$config" | sha256sum | cut -d' ' -f1)
type=application/vnd.oci.image.manifest.v1+json
manifest='{"schemaVersion":2,"mediaType":"'$type'","config":{"mediaType":"application/vnd.oci.image.config.v1+json",'
manifest+='"digest":"'$digest'","size":'${#config}'},"layers":[]}'
folder=$(mktemp -d)
servers=()
trap '{ kill "${servers[@]}" && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT

ask() { curl -sf -u "admin:$password" -o /dev/null "$@"; }

# start URL: a server with an image in it.
start() {
  env REGISTRY_HTTP_ADDR="${1#http://}" REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/${1##*:}" \
    REGISTRY_LOG_ACCESSLOG_DISABLED=true REGISTRY_AUTH_LOCAL_ENABLED=true \
    "REGISTRY_AUTH_LOCAL_ADMINPASSWORD=$password" "$program" serve >/dev/null 2>&1 &
  servers+=($!)
  curl -s --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null "$1/v2/"
  ask -X POST -H 'Content-Type: application/octet-stream' -d "$config" "$1/v2/team/app/blobs/uploads/?digest=$digest"
  ask -X PUT -H "Content-Type: $type" -d "$manifest" "$1/v2/team/app/manifests/1"
}

cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

bearer() {
  curl -s -u "admin:$password" "$1/token?scope=repository:team/app:pull" | sed 's/.*"token":"\([^"]*\)".*/\1/'
}

# measure SERVER URL TOKEN SECONDS: microseconds a request.
measure() {
  local before requests
  before=$(cpu "$1")
  requests=$(wrk -t1 -c8 -d"$4" -H "Authorization: Bearer $3" "$2/v2/team/app/manifests/1" |
    awk '/Non-2xx/ { bad = 1 } /requests in/ { n = $1 } END { print bad ? "failed" : n }')
  [ "$requests" != failed ] || { echo "policy-cost: some requests failed" >&2; exit 1; }
  awk -v ticks="$(($(cpu "$1") - before))" -v n="$requests" -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "%.1f", ticks * 1000000 / hz / n }'
}

start $without
start $with
ask -X POST -H 'Content-Type: application/json' -d '{"names":"team/**","labels":["team=web"]}' "$with/api/v1/policies"
first=$(bearer $without) second=$(bearer $with)
measure "${servers[0]}" $without "$first" 3 >/dev/null
measure "${servers[1]}" $with "$second" 3 >/dev/null

echo "CPU in µs per request: without policies, with one"

# In turn and for a short time each, so that a machine that slows down slows all of them.
for _ in $(seq "$rounds"); do
  echo "$(measure "${servers[0]}" $without "$first" 3)" "$(measure "${servers[1]}" $with "$second" 3)"
done | tee "$folder/rounds"
median() { cut -d' ' -f"$1" "$folder/rounds" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
awk -v without="$(median 1)" -v with="$(median 2)" 'BEGIN {
  printf "medians: without %s, with a policy %s (%.3f x)\n", without, with, with / without }'
