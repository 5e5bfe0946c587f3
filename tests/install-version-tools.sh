#!/bin/bash
# Installs the programs that versions and scores are compared with: those of the ecosystems themselves, and a
# calculator of CVSS.
#
#   tests/install-version-tools.sh [FOLDER]    the default is ${XDG_CACHE_HOME:-$HOME/.cache}/berth-versions
#
# Takes no time when all is there; else it wants root on Debian 12. Of Maven only the one library is unpacked, into
# FOLDER, without all that it would otherwise need; semver and the calculator come from npm.
set -euo pipefail

npm_packages=(semver@7.8.6 ae-cvss-calculator@1.0.13)
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-versions}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/lock"
flock 9

die() {
  echo "install-version-tools: $*" >&2
  exit 1
}

missing() {
  local program package
  while read -r program package; do
    command -v "$program" >/dev/null || echo "$package"
  done <<'PROGRAMS'
rpm rpm
ruby ruby
php php-cli
java openjdk-17-jre-headless
node nodejs
perl perl
PROGRAMS
  perl -MDpkg::Version -e1 2>/dev/null || echo libdpkg-perl
  /usr/bin/python3 -c 'import packaging' 2>/dev/null || echo python3-packaging
  [ -d "$folder/node_modules" ] || command -v npm >/dev/null || echo npm
}

install_packages() {
  local attempt
  [ "$(id -u)" = 0 ] || die "not root, and these Debian packages are missing: $*"
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
  [ $# -eq 0 ] ||
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" >/dev/null ||
    die "can't install: $*"
  exec 8>&-
}

# In another place first, so that half of it is never taken for the whole.
install_from_npm() {
  local work=$folder/new
  rm -rf "$work"
  mkdir -p "$work"
  npm install --prefix "$work" --silent --no-save --no-package-lock --no-audit --no-fund --omit=optional \
    --ignore-scripts "${npm_packages[@]}" >/dev/null || die "npm can't install ${npm_packages[*]}"
  mv "$work/node_modules" "$folder/node_modules"
  rm -rf "$work"
}

unpack_maven() {
  local work
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root libmaven3-core-java) ||
    die "apt-get can't download libmaven3-core-java"
  dpkg -x "$work"/*.deb "$work"
  cp "$(readlink -f "$work/usr/share/java/maven-artifact-3.x.jar")" "$folder/maven-artifact.jar.new" ||
    die "libmaven3-core-java has no maven-artifact"
  mv "$folder/maven-artifact.jar.new" "$folder/maven-artifact.jar"
  rm -rf "$work"
}

readarray -t packages < <(missing)
if [ ${#packages[@]} -gt 0 ] || [ ! -e "$folder/maven-artifact.jar" ]; then install_packages "${packages[@]}"; fi
readarray -t packages < <(missing)
[ ${#packages[@]} -eq 0 ] || die "these packages are installed and still lack what is used of them: ${packages[*]}"
[ -d "$folder/node_modules" ] || install_from_npm
[ -e "$folder/maven-artifact.jar" ] || unpack_maven
