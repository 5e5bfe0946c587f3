#!/usr/bin/env bash
# What access control costs: the server's CPU time for a GET of a manifest by tag, without users, with a bearer token,
# and with a name and password, in turn. Needs wrk and curl.
#
#   bench/access-cost.sh [PROGRAM] [ROUNDS]    the defaults are artifacts/publish/berth and 5
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
rounds=${2:-5}
root=http://127.0.0.1:5599
password=longpassword
users=(REGISTRY_AUTH_LOCAL_ENABLED=true "REGISTRY_AUTH_LOCAL_ADMINPASSWORD=$password")
manifest='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
folder=
server=

stop() {
  [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
  [ -z "$folder" ] || rm -rf "$folder"
  server= folder=
}
trap stop EXIT

# start VARIABLE...: a server with a manifest in it.
start() {
  folder=$(mktemp -d)
  env REGISTRY_HTTP_ADDR=127.0.0.1:5599 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder" \
    REGISTRY_LOG_ACCESSLOG_DISABLED=true "$@" "$program" serve >/dev/null 2>&1 &
  server=$!
  curl -s --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null $root/v2/
  curl -sf -u "admin:$password" -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' -d "$manifest" \
    -o /dev/null $root/v2/team/app/manifests/1
}

cpu() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }

# measure HEADER: microseconds a request.
measure() {
  local before requests
  wrk -t1 -c8 -d3 -H "$1" $root/v2/team/app/manifests/1 >/dev/null
  before=$(cpu)
  requests=$(wrk -t1 -c8 -d8 -H "$1" $root/v2/team/app/manifests/1 |
    awk '/Non-2xx/ { bad = 1 } /requests in/ { n = $1 } END { print bad ? "failed" : n }')
  [ "$requests" != failed ] || { echo "access-cost: some requests failed" >&2; exit 1; }
  awk -v ticks="$(($(cpu) - before))" -v n="$requests" -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "%.1f", ticks * 1000000 / hz / n }'
}

echo "round  open  bearer  basic  (CPU in µs per request)  bearer/open  basic/open"
for round in $(seq "$rounds"); do
  start
  open=$(measure "X-None: 1")
  stop
  start "${users[@]}"
  token=$(curl -s -u "admin:$password" "$root/token?scope=repository:team/app:pull" | sed 's/.*"token":"\([^"]*\)".*/\1/')
  bearer=$(measure "Authorization: Bearer $token")
  basic=$(measure "Authorization: Basic $(printf 'admin:%s' "$password" | base64)")
  stop
  echo "$round $open $bearer $basic" |
    awk '{ printf "%5d  %4s  %6s  %5s  %36.2f  %10.2f\n", $1, $2, $3, $4, $3 / $2, $4 / $2 }'
done
