#!/bin/bash
# A PostgreSQL 15 of the tests' own: on loopback, in a temporary folder, gone with whoever holds its standard input.
#
#   postgres.sh PORT PASSWORD fast|durable
#
# Says "ready FOLDER" once it answers. Then takes commands, one a line, and says "done" after each:
#   stop    disconnects everyone and stops; the data stays
#   kill    stops as a power cut would
#   start   starts again on the same port
# At the end of its input it stops the server and deletes the folder. "fast" writes nothing through to the disk.
# The superuser is "postgres", over TCP with the PASSWORD, with TLS or without; FOLDER/server.crt is the certificate.
set -eEuo pipefail
port=$1 password=$2 durability=$3
bin=/usr/lib/postgresql/15/bin
[ -x $bin/postgres ] || bin=$(dirname "$(command -v postgres)")
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-postgres-XXXXXX")
server=

say() { echo "$*" >&3; }

# PostgreSQL refuses to run as root. Whatever is started here dies with this script, even if the script is killed.
as_owner() {
  local owner=()
  [ "$(id -u)" != 0 ] || owner=(--reuid=postgres --regid=postgres --init-groups)
  exec setpriv "${owner[@]}" --pdeathsig QUIT env -C "$folder" "$@"
}

create() {
  printf %s "$password" >"$folder/password"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$folder/server.key" -out "$folder/server.crt"
  chmod 600 "$folder/server.key" "$folder/password"
  [ "$(id -u)" != 0 ] || chown -R postgres: "$folder"
  (as_owner $bin/initdb -D "$folder/data" -U postgres -A scram-sha-256 --pwfile "$folder/password" -E UTF8 \
    --locale=C.UTF-8 --no-sync)
  cat >>"$folder/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
ssl = on
ssl_cert_file = '$folder/server.crt'
ssl_key_file = '$folder/server.key'
max_connections = 500
shared_buffers = 256MB
jit = off
CONF
  [ "$durability" = durable ] || cat >>"$folder/data/postgresql.conf" <<CONF
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 30min
CONF
}

start() {
  local try
  rm -f "$folder/data/postmaster.pid"
  as_owner $bin/postgres -D "$folder/data" &
  server=$!
  for ((try = 0; try < 1200; try++)); do
    if $bin/pg_isready -q -t 1 -h 127.0.0.1 -p "$port"; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  echo "postgres does not answer on port $port"
  return 1
}

# stop SIGNAL: INT disconnects clients and writes everything down, QUIT leaves at once.
stop() {
  [ -n "$server" ] || return 0
  kill "-$1" "$server" 2>/dev/null || true
  wait "$server" || true
  server=
}

leave() {
  trap - EXIT
  stop QUIT
  cd / && rm -rf "$folder"
}

exec 3>&1 >"$folder/log" 2>&1 4<&0 </dev/null
trap leave EXIT
trap 'cat "$folder/log" >&3' ERR
create
start
trap - ERR
say "ready $folder"
while read -r command <&4; do
  case $command in
    stop) stop INT ;;
    kill) stop QUIT ;;
    start) start ;;
    *) echo "what is $command?"; false ;;
  esac || { cat "$folder/log" >&3; exit 1; }
  say "done"
done
