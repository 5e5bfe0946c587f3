#!/bin/bash
# Installs the client programs that the tests push and pull with.
#
#   tests/install-clients.sh [FOLDER]      the default is ${XDG_CACHE_HOME:-$HOME/.cache}/berth-clients
#
# Wants root on Debian 12. What Debian 12 has is installed as a package; what only later suites have in a usable
# version is unpacked under FOLDER, so that the machine itself stays Debian 12 and no service starts. Every step
# leaves a stamp, so a second run does nothing and takes no time. A suite that can't be reached is an error.
set -euo pipefail

folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-clients}
mkdir -p "$folder/stamps" "$folder/versions"
folder=$(cd "$folder" && pwd)

exec 9>"$folder/lock"
flock 9

die() {
  echo "install-clients: $*" >&2
  exit 1
}

# once NAME COMMAND...: runs the command unless it has succeeded before.
once() {
  local stamp=$folder/stamps/$1
  shift
  [ -e "$stamp" ] && return
  "$@"
  touch "$stamp"
}

# The mirror that this machine's apt has its main suite from, whatever the format of its sources.
mirror() {
  local codename uri
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  uri=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
    awk -v codename="$codename" '$1 == "Packages" && $2 == codename && $3 == "main" { print $4; exit }')
  [ -n "$uri" ] || die "apt has no source for the suite $codename with the component main"
  echo "${uri%/}"
}

install_packages() {
  # Asked of the machine each time, since the folder may be a cache that has come from another one.
  dpkg -s "$@" >/dev/null 2>&1 && return
  # One of the tests' installers at a time: apt's lists have a lock that nobody waits for.
  exec 8>/tmp/berth-apt.lock
  flock 8
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --error-on=any || die "apt-get update failed: the machine's own suites can't be reached"
  apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" || die "can't install: $*"
  exec 8>&-
}

later_apt() {
  apt-get -o Dir::State="$folder/apt" -o Dir::Cache="$folder/apt" -o Dir::State::status=/dev/null \
    -o Dir::Etc::SourceList="$folder/apt/later.sources" -o Dir::Etc::SourceParts=/dev/null \
    -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

update_later_suites() {
  local uri
  uri=$(mirror)
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
  cat >"$folder/apt/later.sources" <<SOURCES
Types: deb
URIs: $uri
Suites: bookworm trixie sid
Components: main
Targets: Packages
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  later_apt update --error-on=any || die "can't reach the suites bookworm, trixie and sid at $uri"
}

updated=
# unpack NAME SUITE PACKAGE...: unpacks the suite's packages into FOLDER/NAME.
unpack() {
  local name=$1 suite=$2 package
  shift 2
  if [ -z "$updated" ]; then
    update_later_suites
    updated=yes
  fi
  rm -rf "${folder:?}/$name" "$folder/apt/debs"
  mkdir -p "$folder/$name" "$folder/apt/debs"
  for package in "$@"; do
    (cd "$folder/apt/debs" && later_apt download "$package/$suite") || die "can't download $package from $suite"
  done
  for package in "$folder"/apt/debs/*.deb; do
    dpkg -x "$package" "$folder/$name"
  done
  rm -r "$folder/apt/debs"
}

make_root_file_system() {
  rm -f "$folder/debian.tar"
  mmdebstrap --variant=minbase --mode=root --quiet bookworm "$folder/debian.tar" "deb $(mirror) bookworm main" ||
    die "mmdebstrap can't make a Debian root file system"
}

# version NAME COMMAND...: what is unpacked must run here too. What it says of itself stays in FOLDER/versions/NAME.
version() {
  local said=$folder/versions/$1
  shift
  [ -e "$said" ] && return
  "$@" >"$said.new" 2>&1 || die "'$*' does not run here: $(cat "$said.new")"
  mv "$said.new" "$said"
}

[ "$(id -u)" = 0 ] || die "wants root"
install_packages \
  busybox-static ca-certificates curl debian-archive-keyring libseccomp2 libsystemd0 mmdebstrap openssl \
  podman buildah skopeo umoci runc

once containerd-trixie unpack containerd-trixie trixie containerd
once containerd-sid unpack containerd-sid sid containerd
once docker-bookworm unpack docker-bookworm bookworm docker.io
once docker-trixie unpack docker-trixie trixie docker.io docker-cli
once docker-sid unpack docker-sid sid docker.io docker-cli docker-buildx
once crane unpack crane sid crane
once oras unpack oras trixie oras
once cosign-trixie unpack cosign-trixie trixie cosign
once cosign-sid unpack cosign-sid sid cosign
once compose unpack compose trixie docker-compose
once notation unpack notation sid notation
once docker-registry unpack docker-registry bookworm docker-registry
once debian.tar make_root_file_system

version containerd-trixie "$folder/containerd-trixie/usr/bin/ctr" --version
version containerd-sid "$folder/containerd-sid/usr/bin/ctr" --version
version dockerd-bookworm "$folder/docker-bookworm/usr/sbin/dockerd" --version
version docker-bookworm "$folder/docker-bookworm/usr/bin/docker" --version
version dockerd-trixie "$folder/docker-trixie/usr/sbin/dockerd" --version
version dockerd-sid "$folder/docker-sid/usr/sbin/dockerd" --version
version docker-trixie "$folder/docker-trixie/usr/bin/docker" --version
version docker-sid "$folder/docker-sid/usr/bin/docker" --version
version buildx "$folder/docker-sid/usr/libexec/docker/cli-plugins/docker-buildx" version
version crane "$folder/crane/usr/bin/crane" version
version oras "$folder/oras/usr/bin/oras" version
version cosign-trixie "$folder/cosign-trixie/usr/bin/cosign" version
version cosign-sid "$folder/cosign-sid/usr/bin/cosign" version
version compose "$folder/compose/usr/libexec/docker/cli-plugins/docker-compose" version
version notation "$folder/notation/usr/bin/notation" version
version docker-registry "$folder/docker-registry/usr/bin/docker-registry" --version
for tool in podman buildah skopeo umoci; do
  version "$tool" "$tool" --version
done
