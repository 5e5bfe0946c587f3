#!/usr/bin/env bash
# How long searches take: fills a registry with repositories and ten tags each, has their index built, and asks as an
# administrator, as a user who may pull in 10 of 1,000 namespaces, and as nobody, for whom a few are public. On SQLite, or
# on the PostgreSQL server that REGISTRY_DATABASE_… names, whose database must be empty; psql must reach it by PG….
# Needs python3.
#
#   bench/search.sh PROGRAM [REPOSITORIES] [ROUNDS]    default 100,000, and 20 rounds of all queries
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1 repositories=${2:-100000} rounds=${3:-20}
folder=$(mktemp -d)
server=
trap '{ [ -z "$server" ] || kill "$server" && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT
export REGISTRY_HTTP_ADDR=127.0.0.1:5593 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/data"
export REGISTRY_LOG_ACCESSLOG_DISABLED=true REGISTRY_AUTH_LOCAL_ENABLED=true REGISTRY_AUTH_LOCAL_ADMINPASSWORD=bench-bench
export REGISTRY_AUTH_ANONYMOUS=public

start() {
  "$program" serve >"$folder/log" 2>&1 &
  server=$!
  curl -s --retry 100 --retry-delay 0 --retry-all-errors --retry-max-time 60 -o /dev/null http://127.0.0.1:5593/healthz
}

# The tables first, and then a server that finds them filled.
start
kill "$server" && wait "$server" || true
if [ -n "${REGISTRY_DATABASE_HOST:-}" ]; then
  python3 bench/search.py rows "$repositories" "$folder"
  for table in repository manifest_body manifest tag; do
    psql -q -c "\\copy $(cat "$folder/$table.columns") FROM '$folder/$table.tsv'"
  done
  psql -q -c "SELECT setval(pg_get_serial_sequence('repository', 'id'), (SELECT max(id) FROM repository))" -c ANALYZE >/dev/null
else
  python3 bench/search.py sqlite "$repositories" "$folder/data/berth.db"
fi
start
python3 bench/search.py measure "$repositories" "$rounds"
