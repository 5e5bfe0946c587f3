# Sourced by measurements of a registry with many repositories: starts it, and fills it behind its back. On SQLite, or on
# the PostgreSQL server that REGISTRY_DATABASE_… names, whose database must be empty; psql must reach it by PG….
# The caller sets program and folder.
server=
trap '{ [ -z "$server" ] || kill "$server" && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT
export REGISTRY_HTTP_ADDR=127.0.0.1:5593 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$folder/data"
export REGISTRY_LOG_ACCESSLOG_DISABLED=true REGISTRY_AUTH_LOCAL_ENABLED=true REGISTRY_AUTH_LOCAL_ADMINPASSWORD=bench-bench
export REGISTRY_AUTH_ANONYMOUS=public

start() {
  "$program" serve >"$folder/log" 2>&1 &
  server=$!
  curl -s --retry 100 --retry-delay 0 --retry-all-errors --retry-max-time 60 -o /dev/null http://127.0.0.1:5593/healthz ||
    { cat "$folder/log" >&2; exit 1; }
}

stop() {
  kill "$server"
  wait "$server" || true
  server=
}

# fill REPOSITORIES [TAGS]: the tables first, and then a server that finds them filled; with one repository of so many
# tags besides.
fill() {
  start
  stop
  if [ -n "${REGISTRY_DATABASE_HOST:-}" ]; then
    python3 bench/filled.py rows "$1" "${2:-0}" "$folder"
    for table in repository manifest_body manifest tag tag_history; do
      psql -q -c "\\copy $(cat "$folder/$table.columns") FROM '$folder/$table.tsv'"
    done
    psql -q -c "SELECT setval(pg_get_serial_sequence('repository', 'id'), (SELECT max(id) FROM repository))" \
      -c ANALYZE >/dev/null
  else
    python3 bench/filled.py sqlite "$1" "${2:-0}" "$folder/data/berth.db"
  fi
  start
}
