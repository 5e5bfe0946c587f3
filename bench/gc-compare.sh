#!/usr/bin/env bash
# What a collection of garbage costs: time and memory beside `docker-registry garbage-collect`, on 2,000 images of which
# every tenth was deleted; how fast `berth gc` frees the space of 1,000 images while clients pull; and what clients notice
# of the rounds that the server runs by itself.
# Needs gcc, python3, wrk, GNU time and Debian's docker-registry.
#
#   bench/gc-compare.sh [PROGRAM] [ROUNDS]    the defaults are artifacts/publish/berth and 5
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
rounds=${2:-5}
folder=$(mktemp -d)
server=
trap '{ kill $server && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT
gcc -O2 -pthread -w -o "$folder/regload" bench/load/regload.c
berth=http://127.0.0.1:5597 distribution=http://127.0.0.1:5596

# Not exported: distribution would take them for its own.
run=(env REGISTRY_HTTP_ADDR=127.0.0.1:5597 "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=$folder/berth"
  REGISTRY_STORAGE_DELETE_ENABLED=true REGISTRY_STORAGE_MAINTENANCE_TRASH_KEEP=0s REGISTRY_LOG_ACCESSLOG_DISABLED=true "$program")
cat >"$folder/distribution.yml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $folder/distribution}, delete: {enabled: true}}
http: {addr: "127.0.0.1:5596"}
YAML

start() {
  "$@" >"$folder/log" 2>&1 &
  server=$!
  curl -s --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null "$url/v2/"
}

stop() {
  kill "$server"
  wait "$server" 2>/dev/null || true
}

# push COUNT SEED, then remove EVERY: images in a repository, and the deletion of every so many of them.
push() {
  "$folder/regload" "$url" images -n "$1" -c 8 -l 3 -s 10240 -r bench/gc --seed "$2" -o "$folder/list" >/dev/null
}

remove() {
  python3 - "$url" "$folder/list" "$1" <<'PY'
import http.client, sys
server = http.client.HTTPConnection(sys.argv[1].split("//")[1])
for number, line in enumerate(open(sys.argv[2])):
    if number % int(sys.argv[3]): continue
    repository, digest = line.split()[:2]
    server.request("DELETE", f"/v2/{repository}/manifests/{digest}")
    answer = server.getresponse()
    answer.read()
    assert answer.status == 202, answer.status
PY
}

blobs() { find "$folder/$1" -path '*/blobs/*' -type f ! -path '*/_*' | wc -l; }

timed() { /usr/bin/time -f '%e s, user %U s, system %S s, %M KiB' "$@" 2>&1 >/dev/null | tail -n 1; }

echo "2,000 images, every tenth deleted; the command alone:"
url=$distribution
start docker-registry serve "$folder/distribution.yml"
push 2000 1
remove 10
stop
before=$(blobs distribution)
cost=$(PATH=/usr/bin timed docker-registry garbage-collect "$folder/distribution.yml")
echo "docker-registry: $cost; $((before - $(blobs distribution))) of $before files removed"
url=$berth
start "${run[@]}" serve
push 2000 1
remove 10
stop
before=$(blobs berth)
cost=$(timed "${run[@]}" gc --grace 0s --yes)
echo "berth: $cost; $((before - $(blobs berth))) of $before files removed"

echo "1,000 images deleted, while a client with 8 connections pulls a manifest:"
start "${run[@]}" serve
curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' -o /dev/null "$url/v2/pull/app/manifests/1" \
  -d '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
pull() { wrk -t1 -c8 "-d${1:-2}" --latency "$url/v2/pull/app/manifests/1" | awk '/99%/ { print $2 } /Non-2xx/ { exit 1 }'; }
pull >/dev/null
for round in $(seq "$rounds"); do
  push 1000 "$((round + 1))"
  remove 1
  alone=$(pull)
  { sleep 0.3; "${run[@]}" gc --grace 0s --yes --json >"$folder/report"; } &
  command=$!
  beside=$(pull)
  wait "$command"
  python3 - "$folder/report" "$alone" "$beside" <<'PY'
import datetime, json, sys
report = json.loads(open(sys.argv[1]).read().strip().splitlines()[-1])
begin, end = (datetime.datetime.fromisoformat(report[key].replace("Z", "+00:00")) for key in ("startedAt", "endedAt"))
print(f"{(end - begin).total_seconds():.2f} s for {report['removed']['blobs']} blobs; "
      f"p99 of pulls {sys.argv[2]} without, {sys.argv[3]} beside")
PY
done
stop

echo "1,000 images deleted and collected by the server's own rounds, while the same client pulls for 20 s:"
start "${run[0]}" REGISTRY_STORAGE_MAINTENANCE_GC_GRACE=10s REGISTRY_STORAGE_MAINTENANCE_GC_INTERVAL=1s "${run[@]:1}" serve
pull >/dev/null
for round in $(seq "$rounds"); do
  push 1000 "$((round + 100))"
  alone=$(pull 20)
  before=$(blobs berth)
  remove 1
  beside=$(pull 20)
  echo "p99 of pulls $alone without, $beside beside; $((before - $(blobs berth))) files removed"
done
