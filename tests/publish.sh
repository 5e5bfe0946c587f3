#!/usr/bin/env bash
# Publishes Berth as its users run it, compiled ahead of time, unless the existing program is newer than every source.
#
#   tests/publish.sh [FOLDER]    the default is artifacts/publish
#
# Needs clang and zlib1g-dev; installs them as root on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-artifacts/publish}
mkdir -p "$folder"
exec 9>"$folder.lock"
flock 9

install_missing() {
  local missing=()
  command -v clang >/dev/null || missing+=(clang)
  [ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || { echo "publish: not root, and these Debian packages are missing: ${missing[*]}" >&2; exit 1; }
  exec 8>/tmp/berth-apt.lock
  flock 8
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "${missing[@]}" >/dev/null
  exec 8>&-
}

# Folders too: one that lost a file is newer than what was built with it.
is_current() {
  [ -x "$folder/berth" ] || return 1
  local newer
  newer=$(find src Directory.*.props global.json \( -name bin -o -name obj \) -prune -o -newer "$folder/berth" -print -quit)
  [ -z "$newer" ]
}

is_current && exit 0
install_missing
# The analyzers have had their say when it was built.
DOTNET_TieredPGO=0 dotnet publish src/Berth -c Release -r linux-x64 -o "$folder" -p:RunAnalyzers=false --nologo --verbosity quiet
touch "$folder/berth"
