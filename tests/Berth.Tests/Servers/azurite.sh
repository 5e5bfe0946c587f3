#!/bin/bash
# A store of the tests' own that speaks Azure's protocol: Microsoft's emulator Azurite, in memory, on loopback, gone
# with whoever holds its standard input.
#
#   azurite.sh PORT SCHEME ACCOUNT KEY
#
# Says "ready FOLDER" once it answers. SCHEME is http or https; with https, identities may sign in too, whoever issued
# their tokens, and FOLDER/server.crt is the certificate.
set -eEuo pipefail
port=$1 scheme=$2 account=$3 key=$4
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-azurite-XXXXXX")
program=${XDG_CACHE_HOME:-$HOME/.cache}/berth-servers/azurite/node_modules/azurite/dist/src/blob/main.js

leave() {
  trap - EXIT
  local running
  running=$(jobs -p)
  [ -z "$running" ] || kill -KILL $running 2>/dev/null || true
  wait || true
  cd / && rm -rf "$folder"
}

show_logs() { tail -n 20 "$folder/out" >&3 || true; }

# Whatever is started here dies with this script, even if the script is killed. The client library is newer than the
# emulator, and says so in each request.
start() {
  local options=(--blobHost 127.0.0.1 --blobPort "$port" --inMemoryPersistence --silent
    --disableTelemetry --skipApiVersionCheck) try
  if [ "$scheme" = https ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$folder/server.key" -out "$folder/server.crt"
    options+=(--cert "$folder/server.crt" --key "$folder/server.key" --oauth basic)
  fi
  TMPDIR=$folder AZURITE_ACCOUNTS="$account:$key" setpriv --pdeathsig KILL node "$program" "${options[@]}" &
  for ((try = 0; try < 300; try++)); do
    # Any answer will do: a stranger is refused.
    if curl -s -k -o "$folder/answer" --noproxy '*' -m 5 "$scheme://127.0.0.1:$port/$account"; then return 0; fi
    kill -0 "$!" 2>/dev/null || break
    sleep 0.1
  done
  echo "azurite does not answer on port $port"
  return 1
}

exec 3>&1 >"$folder/out" 2>&1 4<&0 </dev/null
trap leave EXIT
trap show_logs ERR
start
trap - ERR
echo "ready $folder" >&3
cat <&4
