#!/bin/bash
# An S3 store of the tests' own: Ceph with one monitor, one store in memory and the S3 gateway, on loopback, in a
# temporary folder, gone with whoever holds its standard input.
#
#   ceph.sh PORT TLS_PORT MONITOR_PORT ACCESS_KEY SECRET_KEY
#
# Says "ready FOLDER" once it answers. Then takes commands, one a line, and says "done" after each:
#   stop    ends the gateway at once; the content stays
#   start   starts the gateway again on the same ports
# At the end of its input it ends everything and deletes the folder. S3 answers over HTTP on PORT and over HTTPS on
# TLS_PORT, where FOLDER/server.crt is the certificate.
set -eEuo pipefail
port=$1 tls_port=$2 monitor_port=$3 access_key=$4 secret_key=$5
folder=$(mktemp -d "${TMPDIR:-/tmp}/berth-ceph-XXXXXX")
export CEPH_CONF=$folder/ceph.conf
gateway=

say() { echo "$*" >&3; }

# Whatever is started here dies with this script, even if the script is killed.
held() { exec setpriv --pdeathsig KILL "$@"; }

configure() {
  cat >"$CEPH_CONF" <<CONF
[global]
fsid = $cluster
mon_host = v2:127.0.0.1:$monitor_port
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
# The gateway of Ceph 16 can't sign in to a cluster without authentication.
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = $folder/keyring
run_dir = $folder
pid_file = $folder/\$name.pid
admin_socket = $folder/\$name.asok
log_file = $folder/\$name.log
crash_dir = $folder
# The only store has the only copy.
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
rgw_rados_pool_pg_num_min = 4
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
[mon]
mon_data = $folder/mon
mon_cluster_log_file = $folder/cluster.log
mon_data_avail_crit = 1
mon_data_avail_warn = 2
# News of the cluster leave at once, not once a second: it halves the time to the first answer.
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_tick_interval = 1
[osd]
osd_data = $folder/osd
osd_objectstore = memstore
memstore_device_bytes = 8589934592
osd_class_update_on_start = false
# Forgets a gateway that was killed within seconds: what tells all gateways of a change waits for it until then.
osd_client_watch_timeout = 3
osd_max_object_name_len = 2048
osd_max_object_namespace_len = 256
[client.rgw]
linger_ping_interval = 1
rgw_frontends = beast endpoint=127.0.0.1:$port ssl_endpoint=127.0.0.1:$tls_port ssl_certificate=$folder/server.crt ssl_private_key=$folder/server.key
rgw_dns_name = localhost
rgw_enable_apis = s3, admin
rgw_thread_pool_size = 64
rgw_run_sync_thread = false
# What is deleted gives its memory back within seconds instead of hours.
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 5
CONF
}

start_store() {
  local cluster store key=$folder/keyring
  cluster=$(cat /proc/sys/kernel/random/uuid)
  store=$(cat /proc/sys/kernel/random/uuid)
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1 \
    -keyout "$folder/server.key" -out "$folder/server.crt"
  configure
  monmaptool --create --addv a "[v2:127.0.0.1:$monitor_port]" --fsid "$cluster" "$folder/monmap"
  ceph-authtool --create-keyring "$key" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$key" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool "$key" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' \
    --cap mgr 'allow profile osd'
  ceph-authtool "$key" --gen-key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx' --cap mgr 'allow rw'
  ceph-mon -i a --mkfs --monmap "$folder/monmap" --keyring "$key"
  held ceph-mon -f -i a &
  mkdir -p "$folder/osd"
  timeout 60 ceph osd new "$store" 0
  ceph-osd -i 0 --mkfs --osd-uuid "$store"
  held ceph-osd -f -i 0 &
}

start() {
  local try
  held radosgw -f -n client.rgw &
  gateway=$!
  for ((try = 0; try < 600; try++)); do
    if curl -s -f -o "$folder/answer" --noproxy '*' -m 5 "http://127.0.0.1:$port/"; then return 0; fi
    kill -0 "$gateway" 2>/dev/null || break
    sleep 0.1
  done
  echo "radosgw does not answer on port $port"
  return 1
}

# The gateway holds no state, and takes up to 20 s to end politely.
stop() {
  [ -n "$gateway" ] || return 0
  kill -KILL "$gateway" 2>/dev/null || true
  wait "$gateway" || true
  gateway=
}

leave() {
  trap - EXIT
  local running
  running=$(jobs -p)
  [ -z "$running" ] || kill -KILL $running 2>/dev/null || true
  wait || true
  cd / && rm -rf "$folder"
}

show_logs() { tail -n 20 "$folder/out" "$folder"/*.log >&3 || true; }

exec 3>&1 >"$folder/out" 2>&1 4<&0 </dev/null
trap leave EXIT
trap show_logs ERR
start_store
start
radosgw-admin -n client.admin user create --uid=berth --display-name=Berth \
  --access-key="$access_key" --secret-key="$secret_key"
trap - ERR
say "ready $folder"
while read -r command <&4; do
  case $command in
    stop) stop ;;
    start) start ;;
    *) echo "what is $command?"; false ;;
  esac || { show_logs; exit 1; }
  say "done"
done
