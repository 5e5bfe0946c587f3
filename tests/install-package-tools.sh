#!/bin/bash
# Installs what the tests of lists of packages compare with: rpm and rpmbuild, Berkeley DB's loader, unzip, objcopy,
# some archives of Java, and the go command.
#
#   tests/install-package-tools.sh [FOLDER]    the default is ${XDG_CACHE_HOME:-$HOME/.cache}/berth-packages
#
# Takes no time when all is there; else it wants root on Debian 12. Of Go, only the command is kept, in FOLDER: its
# compiler and library would take 450 MB.
set -euo pipefail

folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-packages}
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

die() {
  echo "install-package-tools: $*" >&2
  exit 1
}

missing() {
  local program package file
  while read -r program package; do
    command -v "$program" >/dev/null || echo "$package"
  done <<'PROGRAMS'
rpm rpm
rpmbuild rpm
db5.3_load db5.3-util
unzip unzip
objcopy binutils
PROGRAMS
  while read -r file package; do
    [ -e "/usr/share/java/$file" ] || echo "$package"
  done <<'ARCHIVES'
aopalliance-1.0.jar libaopalliance-java
commons-io.jar libcommons-io-java
commons-lang3.jar libcommons-lang3-java
slf4j-api.jar libslf4j-java
wagon-http-shaded-3.5.3.jar libwagon-http-shaded-java
ARCHIVES
}

with_apt() {
  local attempt
  [ "$(id -u)" = 0 ] || die "not root, and this is missing: $*"
  # One of the tests' installers at a time: apt's lists have a lock that nobody waits for.
  exec 8>/tmp/berth-apt.lock
  flock 8
  export DEBIAN_FRONTEND=noninteractive
  # Whoever else updates the lists right now is done soon.
  for attempt in 1 2 3 4 5 6; do
    apt-get update -qq --error-on=any && break
    [ "$attempt" -lt 6 ] || die "apt-get update failed"
    sleep 10
  done
  "$@"
  exec 8>&-
}

install_packages() {
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" >/dev/null || die "can't install: $*"
}

# In another place first, so that half of it is never taken for the whole.
unpack_go() {
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root golang-1.19-go) || die "can't download golang-1.19-go"
  dpkg --fsys-tarfile "$work"/golang-1.19-go_*.deb | tar -x -C "$work" ./usr/lib/go-1.19/bin/go
  mv "$work/usr/lib/go-1.19/bin/go" "$folder/go"
  rm -rf "$work"
}

readarray -t packages < <(missing | sort -u)
[ ${#packages[@]} -eq 0 ] || with_apt install_packages "${packages[@]}"
readarray -t packages < <(missing | sort -u)
[ ${#packages[@]} -eq 0 ] || die "these packages are installed and still lack what is wanted: ${packages[*]}"
[ -x "$folder/go" ] || with_apt unpack_go
