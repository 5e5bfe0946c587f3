#!/usr/bin/env bash
# What access control costs: the server's CPU time for a GET of a manifest by tag, without users, with a bearer token,
# and with a name and password, in turn. Needs wrk and curl.
#
#   bench/access-cost.sh [PROGRAM] [ROUNDS]    the defaults are artifacts/publish/berth and 15
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
rounds=${2:-15}
open=http://127.0.0.1:5598
closed=http://127.0.0.1:5599
password=longpassword
manifest='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
folder=$(mktemp -d)
servers=()
trap '{ kill "${servers[@]}" && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT

# start URL VARIABLE...: a server with a manifest in it.
start() {
  local url=$1
  shift
  env REGISTRY_HTTP_ADDR="${url#http://}" REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/${url##*:}" \
    REGISTRY_LOG_ACCESSLOG_DISABLED=true "$@" "$program" serve >/dev/null 2>&1 &
  servers+=($!)
  curl -s --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null "$url/v2/"
  curl -sf -u "admin:$password" -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' -d "$manifest" \
    -o /dev/null "$url/v2/team/app/manifests/1"
}

cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# measure SERVER URL HEADER SECONDS: microseconds a request.
measure() {
  local before requests
  before=$(cpu "$1")
  requests=$(wrk -t1 -c8 -d"$4" -H "$3" "$2/v2/team/app/manifests/1" |
    awk '/Non-2xx/ { bad = 1 } /requests in/ { n = $1 } END { print bad ? "failed" : n }')
  [ "$requests" != failed ] || { echo "access-cost: some requests failed" >&2; exit 1; }
  awk -v ticks="$(($(cpu "$1") - before))" -v n="$requests" -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "%.1f", ticks * 1000000 / hz / n }'
}

start $open
start $closed REGISTRY_AUTH_LOCAL_ENABLED=true "REGISTRY_AUTH_LOCAL_ADMINPASSWORD=$password"
none="X-None: 1"
bearer="Authorization: Bearer $(curl -s -u "admin:$password" "$closed/token?scope=repository:team/app:pull" |
  sed 's/.*"token":"\([^"]*\)".*/\1/')"
basic="Authorization: Basic $(printf 'admin:%s' "$password" | base64)"
measure "${servers[0]}" $open "$none" 3 >/dev/null
measure "${servers[1]}" $closed "$bearer" 3 >/dev/null

echo "CPU in µs per request: open, bearer, basic"

# In turn and for a short time each, so that a machine that slows down slows all of them.
for _ in $(seq "$rounds"); do
  echo "$(measure "${servers[0]}" $open "$none" 3)" "$(measure "${servers[1]}" $closed "$bearer" 3)" \
    "$(measure "${servers[1]}" $closed "$basic" 3)"
done | tee "$folder/rounds"
median() { cut -d' ' -f"$1" "$folder/rounds" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
awk -v open="$(median 1)" -v bearer="$(median 2)" -v basic="$(median 3)" 'BEGIN {
  printf "medians: open %s, bearer %s (%.2f x), basic %s (%.2f x)\n", open, bearer, bearer / open, basic, basic / open }'
