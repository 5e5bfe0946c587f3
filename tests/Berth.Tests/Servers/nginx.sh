#!/bin/bash
# A reverse proxy of the tests' own that gives each request to the next server in turn: nginx on loopback, in a
# temporary folder, gone with whoever holds its standard input. It tries no request again elsewhere.
#
#   nginx.sh PORT MAX_FAILS ADDRESS...
#
# Says "ready FOLDER" once it listens. FOLDER/access.log has a line for each request: method, target, status and the
# server that answered. With "-" for MAX_FAILS, the one ADDRESS is a file with a server block of its own. MAX_FAILS is nginx's: after so many failures it leaves a server out for ten seconds; 0: never.
set -eEuo pipefail
port=$1 max_fails=$2
shift 2
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-nginx-XXXXXX")
chmod 755 "$folder"

leave() {
  trap - EXIT
  local running
  running=$(jobs -p)
  [ -z "$running" ] || kill -TERM $running 2>/dev/null || true
  wait || true
  cd / && rm -rf "$folder"
}

configure() {
  cat <<CONF
daemon off;
worker_processes 1;
pid $folder/pid;
error_log $folder/error.log;
events { worker_connections 4096; }
http {
  log_format call '\$request_method \$request_uri \$status \$upstream_addr';
  access_log $folder/access.log call;
  client_body_temp_path $folder/client;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  upstream nodes {
    $(printf "server %s max_fails=$max_fails fail_timeout=10s;\n" "$@")
    keepalive 64;
  }
  server {
    listen 127.0.0.1:$port;
    client_max_body_size 0;
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host \$http_host;
      proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto \$scheme;
      proxy_next_upstream off;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_max_temp_file_size 0;
      proxy_connect_timeout 2s;
      proxy_read_timeout 300s;
      proxy_send_timeout 300s;
    }
  }
}
CONF
}

use_block() {
  cat <<CONF
daemon off;
worker_processes 1;
pid $folder/pid;
error_log $folder/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $folder/client;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  include $1;
}
CONF
}

exec 3>&1 >"$folder/out" 2>&1 4<&0 </dev/null
trap leave EXIT
trap 'cat "$folder/out" "$folder/error.log" >&3 || true' ERR
if [ "$max_fails" = - ]; then use_block "$1"; else configure "$@"; fi >"$folder/nginx.conf"
PATH=$PATH:/usr/sbin:/sbin
setpriv --pdeathsig TERM nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
for ((try = 0; try < 200; try++)); do
  if (: <>"/dev/tcp/127.0.0.1/$port"); then break; fi
  kill -0 $!
  sleep 0.05
done
[ $try -lt 200 ]
trap - ERR
echo "ready $folder" >&3
cat <&4 >"$folder/commands"
