#!/usr/bin/env bash
# What pages cost: the time until a page is there, the fastest and the median of 15, and its bytes on the wire, where
# there are 1,000 and 100,000 repositories, and one with 100,000 tags. Needs curl, and sqlite3 or psql.
#
#   bench/page-cost.sh [PROGRAM]    the default is artifacts/publish/berth. On SQLite; with PGHOST, PGUSER and perhaps
#                                   PGPORT and PGPASSWORD, on databases of that PostgreSQL that it makes and removes.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-artifacts/publish/berth}
host=${PGHOST:-}
rounds=15
url=http://127.0.0.1:5597
password=longpassword
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" && wait; } 2>/dev/null || true; rm -rf "$folder"' EXIT

# sql NUMBERS: a table n(i) of numbers from 1, in the words of the engine; then what a name and a digest are.
if [ -n "$host" ]; then
  numbers() { echo "n(i) AS (SELECT generate_series(1, $1))"; }
  digest="'sha256:' || lpad(to_hex(i), 64, '0')"
  body="convert_to('{}', 'UTF8')"
else
  numbers() { echo "n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"; }
  digest="'sha256:' || printf('%064x', i)"
  body="CAST('{}' AS BLOB)"
fi

# fill REPOSITORIES: a tenth of them public, in 100 namespaces; each with a tag, and one with 100,000.
fill() {
  local columns="repository_id, digest, media_type, size_bytes, artifact_type, pushed_at, pushed_by"
  local image="'application/vnd.oci.image.manifest.v1+json', 700, 'application/vnd.oci.image.config.v1+json'"
  cat <<SQL
BEGIN;
WITH RECURSIVE $(numbers "$1") INSERT INTO repository (id, name, created_at, is_public, pulls, stars)
  SELECT 1000 + i, 'space' || (i % 100) || '/app-' || i, 0, CASE WHEN i % 10 = 0 THEN 1 ELSE 0 END, i * 7919 % 100003,
    i % 5 FROM n;
INSERT INTO repository (id, name, created_at, is_public) VALUES (1000, 'space0/many', 0, 1);
WITH RECURSIVE $(numbers "$1") INSERT INTO manifest_body (digest, body, platforms, content_bytes)
  SELECT $digest, $body, CASE WHEN i % 4 = 0 THEN 'linux/amd64 linux/arm64' ELSE 'linux/amd64' END, 1000000 + i FROM n;
WITH RECURSIVE $(numbers "$1") INSERT INTO manifest ($columns)
  SELECT 1000 + i, $digest, $image, 1750000000000 + i, 'someone' FROM n;
WITH RECURSIVE $(numbers "$1") INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
  SELECT 1000 + i, 'latest', $digest, 1750000000000 + i, 'someone' FROM n;
WITH RECURSIVE $(numbers 1) INSERT INTO manifest ($columns)
  SELECT 1000, $digest, $image, 1750000000000, 'someone' FROM n;
WITH RECURSIVE $(numbers 100000) INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
  SELECT 1000, 'v' || (100000 + i), (SELECT max(digest) FROM manifest WHERE repository_id = 1000),
    1740000000000 + i, 'someone' FROM n;
WITH RECURSIVE $(numbers "$1") INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by, action)
  SELECT 1000 + i, 'latest', $digest, 1750000000000 + i, 'someone', 'push' FROM n;
COMMIT;
SQL
  [ -z "$host" ] || echo "VACUUM ANALYZE;"
}

# start FOLDER DATABASE
start() {
  local settings=(REGISTRY_HTTP_ADDR="${url#http://}" REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$1"
    REGISTRY_LOG_ACCESSLOG_DISABLED=true REGISTRY_AUTH_LOCAL_ENABLED=true
    "REGISTRY_AUTH_LOCAL_ADMINPASSWORD=$password")
  [ -z "$host" ] || settings+=("REGISTRY_DATABASE_HOST=$PGHOST" "REGISTRY_DATABASE_PORT=${PGPORT:-5432}"
    "REGISTRY_DATABASE_USER=$PGUSER" "REGISTRY_DATABASE_DBNAME=$2" "REGISTRY_DATABASE_PASSWORD=${PGPASSWORD:-}")
  env "${settings[@]}" "$program" serve >"$folder/log" 2>&1 &
  server=$!
  curl -s --retry 100 --retry-delay 0 --retry-all-errors --retry-max-time 60 -o /dev/null "$url/v2/" ||
    { cat "$folder/log" >&2; exit 1; }
}

stop() {
  kill "$server"
  wait "$server" || true
  server=
}

# measure NAME USER PATH
measure() {
  local user=() times
  [ -z "$2" ] || user=(-u "$2:$password")
  times=$(for _ in $(seq "$rounds"); do
    curl -s -H 'Accept: text/html' -H 'Accept-Encoding: br' "${user[@]}" -o /dev/null \
      -w '%{http_code} %{time_starttransfer} %{size_download}\n' "$url$3"
  done)
  echo "$times" | sort -k2 -n | awk -v name="$1" -v who="${2:-nobody}" -v middle="$(((rounds + 1) / 2))" '
    NR == 1 { fastest = $2 } NR == middle { code = $1; median = $2; bytes = $3 }
    END { printf "| %s | %s | %d | %.1f | %.1f | %d |\n", name, who, code, fastest * 1000, median * 1000, bytes }'
}

for repositories in 1000 100000; do
  data="$folder/$repositories"
  name="berth_pages_$repositories"
  if [ -n "$host" ]; then
    psql -qc "DROP DATABASE IF EXISTS $name" postgres
    psql -qc "CREATE DATABASE $name" postgres
  fi
  start "$data" "$name"
  curl -sf -u "admin:$password" -H 'Content-Type: application/json' -d "{\"name\":\"space1\",\"password\":\"$password\"}" \
    -o /dev/null "$url/api/v1/users"
  stop
  if [ -n "$host" ]; then fill "$repositories" | psql -qv ON_ERROR_STOP=1 "$name"
  else fill "$repositories" | sqlite3 "$data/berth.db"; fi
  start "$data" "$name"
  echo "$repositories repositories:"
  echo "| Page | Who | Status | Fastest, ms | Median, ms | Bytes |"
  for user in "" space1 admin; do
    measure "/ " "$user" /
    for query in "" "?sort=pushed" "?sort=pulls" "?sort=stars" "?sort=pulls&platform=linux/arm64" \
      "?type=chart" "?sort=stars&type=chart" "?sort=pulls&platform=none" "?official=true" "?namespace=space1" \
      "?namespace=space1&sort=pulls" "?visibility=private&sort=pushed"; do
      measure "/explore$query" "$user" "/explore$query"
    done
    measure "/r/space0/many" "$user" /r/space0/many
    measure "/r/space0/many?last=v150000" "$user" "/r/space0/many?last=v150000"
  done
  stop
  [ -z "$host" ] || psql -qc "DROP DATABASE $name" postgres
done
