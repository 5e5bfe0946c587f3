#!/bin/bash
# Installs the servers that the tests start: PostgreSQL and a pooler before it, Ceph's S3 gateway with what it stands
# on, and nginx.
#
#   tests/install-servers.sh
#
# Takes no time when the programs are there, wherever they came from; else it wants root on Debian 12. None of the
# packages' own system services is started: the tests start servers of their own, on loopback, in temporary folders.
set -euo pipefail

die() {
  echo "install-servers: $*" >&2
  exit 1
}

missing() {
  local program package
  while read -r program package; do
    PATH=$PATH:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin command -v "$program" >/dev/null || echo "$package"
  done <<'PROGRAMS' | sort -u
postgres postgresql-15
pg_isready postgresql-client-15
pgbouncer pgbouncer
ceph-mon ceph-mon
ceph-osd ceph-osd
radosgw radosgw
ceph ceph-common
nginx nginx-light
curl curl
openssl openssl
setpriv util-linux
PROGRAMS
}

readarray -t packages < <(missing)
[ ${#packages[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || die "not root, and these Debian packages are missing: ${packages[*]}"

# One of the tests' installers at a time: apt's lists have a lock that nobody waits for.
exec 8>/tmp/berth-apt.lock
flock 8
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi

# Whoever else updates the lists right now is done soon.
for attempt in 1 2 3 4 5 6; do
  apt-get update -qq --error-on=any && break
  [ "$attempt" -lt 6 ] || die "apt-get update failed"
  sleep 10
done
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "${packages[@]}" >/dev/null ||
  die "apt-get could not install ${packages[*]}"
readarray -t packages < <(missing)
[ ${#packages[@]} -eq 0 ] || die "these packages are installed and still lack their programs: ${packages[*]}"
