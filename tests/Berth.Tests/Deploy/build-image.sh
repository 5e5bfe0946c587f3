#!/bin/bash
# Builds the image from deploy/Dockerfile as its first lines say, but from what this machine has already: a Debian root
# file system in place of both base images, and this machine's .NET SDK, which the build finds and so does not install.
#
#   build-image.sh PROJECT DEBIAN_TAR FOLDER
#
# The image is localhost/berth in the store under FOLDER: podman --root FOLDER/root --runroot FOLDER/run.
set -euo pipefail
project=$1 debian=$2 folder=$3
store=(--root "$folder/root" --runroot "$folder/run" --storage-driver vfs)
sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")
libraries=/usr/lib/x86_64-linux-gnu

base=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add -q "$base" "$debian" / >"$folder/base"
buildah "${store[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
buildah "${store[@]}" commit -q --rm "$base" localhost/debian:12

# What the SDK wants and a bare Debian lacks lies aside, so that the second stage still has to install it.
cat >"$folder/dotnet" <<'SH'
#!/bin/sh
export LD_LIBRARY_PATH=/opt/machine SSL_CERT_FILE=/opt/machine/ca.crt DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export DOTNET_GENERATE_ASPNET_CERTIFICATE=false DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
exec /opt/sdk/dotnet "$@"
SH
chmod 755 "$folder/dotnet"
mkdir -p "$HOME/.nuget"
cd "$project"
exec buildah "${store[@]}" build --isolation chroot --pull-never --format docker -t localhost/berth \
  --build-arg BUILD_IMAGE=localhost/debian:12 --build-arg RUNTIME_IMAGE=localhost/debian:12 \
  -v "$sdk:/opt/sdk:ro" -v "$folder/dotnet:/usr/bin/dotnet:ro" -v "$HOME/.nuget:/root/.nuget" \
  -v "$libraries/libssl.so.3:/opt/machine/libssl.so.3:ro" \
  -v "$libraries/libcrypto.so.3:/opt/machine/libcrypto.so.3:ro" \
  -v /etc/ssl/certs/ca-certificates.crt:/opt/machine/ca.crt:ro \
  -f deploy/Dockerfile --ignorefile deploy/Dockerfile.dockerignore .
