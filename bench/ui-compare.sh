#!/usr/bin/env bash
# What a first visit to a registry's pages costs in a browser, beside docker-registry with Joxit's docker-registry-ui
# behind nginx: requests, bytes on the wire, and the time until all that was loaded is there. Each registry has so many
# repositories of ten tags. The browser starts with an empty cache each time; the median of the visits is printed.
# Needs docker-registry, nginx, chromium, python3, and node with playwright-core (NODE_PATH).
#
#   bench/ui-compare.sh PROGRAM FOLDER [REPOSITORIES] [VISITS]    FOLDER: dist/ of a release of docker-registry-ui
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1 dist=$2 repositories=${3:-1000} visits=${4:-9}
folder=$(mktemp -d)
. bench/filled.sh
fill "$repositories"
trap '{ kill $server $peer; [ ! -s "$folder/nginx.pid" ] || kill "$(cat "$folder/nginx.pid")"; wait; } 2>/dev/null || true
  rm -rf "$folder"' EXIT

python3 bench/ui_fill.py "$folder/peer" "$repositories"
cat >"$folder/peer.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $folder/peer}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: 127.0.0.1:5594}
YML
env -i PATH="$PATH" docker-registry serve "$folder/peer.yml" >"$folder/peer.log" 2>&1 &
peer=$!
mkdir "$folder/ui"
cp -r "$dist/." "$folder/ui/"
# As its container fills it in, with the registry behind the same address.
sed -i 's/\${SINGLE_REGISTRY}/true/; s/\${REGISTRY_URL}//; s/\${CATALOG_ELEMENTS_LIMIT}/1000/; s/\${TAGLIST_PAGE_SIZE}/100/
  s/\${SHOW_CONTENT_DIGEST}/true/; s/\${[A-Z_]*}//' "$folder/ui/index.html"
cat >"$folder/nginx.conf" <<CONF
daemon on; pid $folder/nginx.pid; error_log $folder/nginx.log; worker_processes 1;
events {}
http {
  include /etc/nginx/mime.types;
  access_log off; client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
  server {
    listen 127.0.0.1:5595;
    proxy_buffering off;
    location / { root $folder/ui; index index.html; }
    location /v2 { proxy_http_version 1.1; proxy_pass http://127.0.0.1:5594; }
  }
}
CONF
chmod -R a+rX "$folder"
nginx -c "$folder/nginx.conf" 2>/dev/null
curl -s --retry 50 --retry-delay 0 --retry-all-errors -o /dev/null http://127.0.0.1:5595/v2/
node bench/ui-compare.mjs "$visits"
