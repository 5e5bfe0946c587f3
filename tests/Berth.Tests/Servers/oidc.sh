#!/bin/bash
# An OpenID provider of the tests' own, on loopback, gone with whoever holds its standard input: the npm package
# oidc-provider.
#
#   oidc.sh PORT token|userinfo REDIRECT_PATH...
#
# Says "ready FOLDER" once it answers. oidc.mjs says what clients and users it has.
set -eEuo pipefail
port=$1
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-oidc-XXXXXX")
here=$(cd "$(dirname "$0")" && pwd)
modules=${XDG_CACHE_HOME:-$HOME/.cache}/berth-servers/oidc-provider/node_modules

leave() {
  trap - EXIT
  local running
  running=$(jobs -p)
  [ -z "$running" ] || kill -KILL $running 2>/dev/null || true
  wait || true
  cd / && rm -rf "$folder"
}

show_logs() { tail -n 20 "$folder/out" >&3 || true; }

# The program looks for packages beside itself. It dies with this script, even if the script is killed.
start() {
  local try
  cp "$here/oidc.mjs" "$folder/"
  ln -s "$modules" "$folder/node_modules"
  NODE_ENV=test setpriv --pdeathsig KILL node "$folder/oidc.mjs" "$@" &
  for ((try = 0; try < 300; try++)); do
    if curl -s -f -o "$folder/answer" --noproxy '*' -m 5 \
      "http://127.0.0.1:$port/.well-known/openid-configuration"; then return 0; fi
    kill -0 "$!" 2>/dev/null || break
    sleep 0.1
  done
  echo "oidc-provider does not answer on port $port"
  return 1
}

exec 3>&1 >"$folder/out" 2>&1 4<&0 </dev/null
trap leave EXIT
trap show_logs ERR
start "$@"
trap - ERR
echo "ready $folder" >&3
cat <&4
