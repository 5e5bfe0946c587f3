#!/bin/bash
# Installs the servers that the tests start: PostgreSQL and a pooler before it, Ceph's S3 gateway with what it stands
# on, nginx, OpenLDAP, Chromium, and from npm Azurite, Microsoft's emulator of Azure's store, an OpenID provider, and
# Sigstore's stand-in for its services.
#
#   tests/install-servers.sh [FOLDER]    npm's place; the default is ${XDG_CACHE_HOME:-$HOME/.cache}/berth-servers
#
# Takes no time when the programs are there, wherever they came from; else it wants root on Debian 12. None of the
# packages' own system services is started: the tests start servers of their own, on loopback, in temporary folders.
set -euo pipefail

# The last one that runs on Debian's Node.js.
azurite_package=azurite@3.35.0
oidc_package=oidc-provider@9.13.3
sigstore_package=sigstore-mock@0.10.0
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-servers}

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
slapd slapd
ldapmodify ldap-utils
node nodejs
curl curl
openssl openssl
chromium chromium
setpriv util-linux
PROGRAMS
  local name
  for name in "$azurite_package" "$oidc_package" "$sigstore_package"; do
    [ -d "$folder/$name" ] || command -v npm >/dev/null || echo npm
  done | sort -u
}

install_packages() {
  [ "$(id -u)" = 0 ] || die "not root, and these Debian packages are missing: $*"
  # One of the tests' installers at a time: apt's lists have a lock that nobody waits for.
  exec 8>/tmp/berth-apt.lock
  flock 8
  export DEBIAN_FRONTEND=noninteractive
  local policy=/usr/sbin/policy-rc.d attempt
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi

  # Whoever else updates the lists right now is done soon.
  for attempt in 1 2 3 4 5 6; do
    apt-get update -qq --error-on=any && break
    [ "$attempt" -lt 6 ] || die "apt-get update failed"
    sleep 10
  done
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" >/dev/null ||
    die "apt-get could not install $*"
  exec 8>&-
}

# install_from_npm NAME PACKAGE...: in another place first, so that half of it is never taken for the whole.
install_from_npm() {
  local work=$folder/new name=$1
  shift
  [ ! -d "$folder/$name" ] || return 0
  rm -rf "$work"
  mkdir -p "$work"
  npm install --prefix "$work" --silent --no-save --no-package-lock --no-audit --no-fund --omit=optional \
    --ignore-scripts "$@" >/dev/null || die "npm can't install $*"
  mv "$work" "$folder/$name"
  ln -sfn "$name" "$folder/${name%@*}"
}

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

readarray -t packages < <(missing)
[ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
readarray -t packages < <(missing)
[ ${#packages[@]} -eq 0 ] || die "these packages are installed and still lack their programs: ${packages[*]}"
install_from_npm "$azurite_package" "$azurite_package"
install_from_npm "$oidc_package" "$oidc_package"
# Later versions of pkijs write promises of logs of certificates without signatures.
install_from_npm "$sigstore_package" "@sigstore/mock@${sigstore_package#*@}" pkijs@3.2.4
