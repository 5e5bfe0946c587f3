#!/bin/bash
# A pooler of the tests' own before a PostgreSQL: PgBouncer on loopback, in a temporary folder, gone with whoever holds
# its standard input. It gives out connections by transaction, and lets everyone in who has a line in its list of users.
#
#   pgbouncer.sh PORT SERVER_PORT USER PASSWORD
#
# Says "ready FOLDER" once it listens.
set -eEuo pipefail
port=$1 server_port=$2 user=$3 password=$4
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-pgbouncer-XXXXXX")

leave() {
  trap - EXIT
  local running
  running=$(jobs -p)
  [ -z "$running" ] || kill -TERM $running 2>/dev/null || true
  wait || true
  cd / && rm -rf "$folder"
}

exec 3>&1 >"$folder/log" 2>&1 4<&0 </dev/null
trap leave EXIT
trap 'cat "$folder/log" >&3' ERR
printf '"%s" "%s"\n' "$user" "${password//\"/\"\"}" >"$folder/users"
cat >"$folder/pgbouncer.ini" <<CONF
[databases]
* = host=127.0.0.1 port=$server_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
max_client_conn = 1000
CONF
owner=()
if [ "$(id -u)" = 0 ]; then
  chown -R postgres: "$folder"
  owner=(--reuid=postgres --regid=postgres --init-groups)
fi
PATH=$PATH:/usr/sbin:/sbin
setpriv "${owner[@]}" --pdeathsig TERM pgbouncer "$folder/pgbouncer.ini" &
for ((try = 0; try < 200; try++)); do
  if (: <>"/dev/tcp/127.0.0.1/$port"); then break; fi
  kill -0 $!
  sleep 0.05
done
[ $try -lt 200 ]
trap - ERR
echo "ready $folder" >&3
cat <&4 >/dev/null
