#!/usr/bin/env bash
# What one version of Berth costs beside another: pushes of small images, which are metadata more than bytes, and pulls of
# a manifest. Both get the same load, in turns, each with a data folder of its own; with a PostgreSQL server's variables
# (REGISTRY_DATABASE_…) given twice, as BEFORE_DATABASE and AFTER_DATABASE names of databases, they use that.
# Needs gcc and wrk.
#
#   bench/push-cost.sh BEFORE AFTER [ROUNDS]    two programs, and how many rounds (default 5)
set -euo pipefail
cd "$(dirname "$0")/.."
before=$1 after=$2 rounds=${3:-5}
folder=$(mktemp -d)
servers=()
trap '{ kill "${servers[@]}" && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT
gcc -O2 -pthread -w -o "$folder/regload" bench/load/regload.c

# start NAME PROGRAM PORT DATABASE
start() {
  env REGISTRY_HTTP_ADDR="127.0.0.1:$3" REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/$1" \
    ${4:+REGISTRY_DATABASE_DBNAME=$4} REGISTRY_LOG_ACCESSLOG_DISABLED=true "$2" serve >"$folder/$1.log" 2>&1 &
  servers+=($!)
  curl -s --retry 100 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null "http://127.0.0.1:$3/v2/"
  curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' -o /dev/null \
    "http://127.0.0.1:$3/v2/pull/app/manifests/1" \
    -d '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
}

# push PORT SEED: images a second, and the 99th percentile of a request in ms.
push() {
  "$folder/regload" "http://127.0.0.1:$1" images -n 2000 -c 8 -l 3 -s 10240 -r bench/push --seed "$2" |
    python3 -c 'import json, sys; r = json.load(sys.stdin); assert not r["errors"]; print(r["images_per_s"], r["p99_ms"])'
}

pull() {
  wrk -t1 -c8 -d4 --latency "http://127.0.0.1:$1/v2/pull/app/manifests/1" | awk '/Requests\/sec/ { print $2 }'
}

start before "$before" 5591 "${BEFORE_DATABASE:-}"
start after "$after" 5592 "${AFTER_DATABASE:-}"
for port in 5591 5592; do push $port 1 >/dev/null; pull $port >/dev/null; done
for round in $(seq "$rounds"); do
  echo "$(push 5591 "$((round + 1))") $(push 5592 "$((round + 1))") $(pull 5591) $(pull 5592)"
done | python3 -c '
import statistics, sys
rows = [[float(number) for number in line.split()] for line in sys.stdin]
middle = [statistics.median(column) for column in zip(*rows)]
ratio = lambda a, b: statistics.median(row[b] / row[a] for row in rows)
print(f"pushes: {middle[0]:.0f} images/s before, {middle[2]:.0f} after, ratio {ratio(0, 2):.2f}; "
      f"p99 of a request {middle[1]:.1f} ms before, {middle[3]:.1f} ms after, ratio {ratio(1, 3):.2f}")
print(f"pulls of a manifest: {middle[4]:.0f}/s before, {middle[5]:.0f}/s after, ratio {ratio(4, 5):.2f}")'
